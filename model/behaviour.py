"""What a model is asked before any export: numbers, the same ones twice, and an answer to each sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ExportError
from model.samples import varied
from model.signature import Arrays
from model.source import Run

ROWS = 10
BATCHES = (2, 7, 32)
"""Sizes of the batches whose answers are held against those to each sample alone."""

SHARE = 1e-4
"""Of an output's largest value: rounding in another order moves an answer by less, another sample by more."""

UNSTEADY = (
    "the model itself answers differently each time: {name!r} changed when the same samples were given "
    "again, so no export can be held against it. Look for dropout or noise that is active in evaluation, for "
    "a module that ignores eval(), or for a counter or another state that is kept between calls"
)


def check(eager: Run, samples: Arrays, *, batchable: bool = True, share: float = SHARE) -> None:
    """See that a model answers numbers, twice the same ones, and to each sample by itself.

    Args:
        eager: the model.
        samples: real inputs by name, the batch first.
        batchable: whether the answer to a sample must not depend on the others of its batch.
        share: of an output's largest value, how far two answers to the same sample may differ.

    Raises:
        ExportError: it cannot be served; the message says why and what to do.

    """
    inputs = varied(samples, ROWS)
    batches = {size: _taken(inputs, np.arange(size) % ROWS) for size in BATCHES}
    answers = {size: _ask(eager, batch, size) for size, batch in batches.items()}
    for size, answer in answers.items():
        _check_shapes(answer, size)
        _check_numbers(answer)
    check_same(answers[BATCHES[1]], _ask(eager, batches[BATCHES[1]], BATCHES[1]), share)
    alone = [_ask(eager, _taken(inputs, np.array([row])), 1) for row in range(ROWS)]
    for answer in alone:
        _check_shapes(answer, 1)
        _check_numbers(answer)
    if not batchable:
        return
    for size, answer in answers.items():
        for name, array in answer.items():
            single = np.concatenate([alone[row % ROWS][name] for row in range(size)])
            if not _same(array, single, share):
                check_same(answer, _ask(eager, batches[size], size), share)
                raise ExportError(
                    f"the answer to a sample depends on the others of its batch: in a batch of {size}, "
                    f"{name!r} is off by up to {_largest_difference(array, single):.3g} from the answers to "
                    "the same samples alone. Is the batch the first axis? nn.Transformer, "
                    "nn.MultiheadAttention and recurrent layers need batch_first=True, and normalisation "
                    "must not use the batch's own statistics. A model that means it is exported with "
                    "--not-batchable: no two requests are then computed together"
                )


def check_same(first: Arrays, second: Arrays, share: float = SHARE) -> None:
    """See that two answers to the same inputs are the same.

    Raises:
        ExportError: they are not; the message says that the model is at fault and not its export.

    """
    for name, array in first.items():
        if not _same(array, second[name], share):
            raise ExportError(UNSTEADY.format(name=name))


def _taken(inputs: Arrays, numbers: NDArray[np.int_]) -> Arrays:
    return {name: array[numbers] for name, array in inputs.items()}


def _ask(eager: Run, inputs: Arrays, size: int) -> Arrays:
    try:
        return eager(inputs)
    except ExportError:
        raise
    except Exception as error:
        shapes = {name: list(array.shape) for name, array in inputs.items()}
        raise ExportError(
            f"the model fails on a batch of {size}, inputs of shape {shapes}: {type(error).__name__}: "
            f"{error}. It must take a batch of any size, from 1 to {BATCHES[-1]} and more, on the first axis"
        ) from error


def _check_shapes(answer: Arrays, size: int) -> None:
    for name, array in answer.items():
        if array.shape[:1] != (size,):
            raise ExportError(
                f"output {name!r} has the shape {list(array.shape)} for a batch of {size}: "
                "the first axis of each output must be the batch"
            )
        if not array.size:
            raise ExportError(
                f"output {name!r} has the shape {list(array.shape)} for a batch of {size}: it holds no "
                "values. Leave it out, or return at least one value a sample"
            )


def _check_numbers(answer: Arrays) -> None:
    for name, array in answer.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            where = [int(axis) for axis in np.argwhere(np.isnan(array))[0]]
            raise ExportError(
                f"the model itself answers NaN: {name}{where} is not a number. Look for weights or samples "
                "that are NaN or too large, and for a division by 0, a square root or a logarithm in "
                "forward(); --example FILE gives real inputs"
            )


def _same(first: NDArray[Any], second: NDArray[Any], share: float) -> bool:
    """Tell whether two answers are the same but for rounding."""
    if first.shape != second.shape or not np.issubdtype(first.dtype, np.floating):
        return bool(np.array_equal(first, second))
    share = max(share, 4 * float(np.finfo(first.dtype).eps))
    finite = np.abs(first[np.isfinite(first)].astype(np.float64))
    return bool(
        np.allclose(second, first, rtol=share, atol=share * float(finite.max(initial=0.0)), equal_nan=True)
    )


def _largest_difference(first: NDArray[Any], second: NDArray[Any]) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.nanmax(np.abs(first.astype(np.float64) - second.astype(np.float64))))
