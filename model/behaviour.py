"""Checks of a model before its export: its answers are numbers, repeatable, and independent of the batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ExportError, quoted
from model.samples import all_equal, varied
from model.signature import Arrays
from model.source import Run

SAMPLES = 10
BATCH_SIZES = (2, 7, 32)
"""Their answers are compared with the answers to the same samples one by one."""

RELATIVE_DIFFERENCE = 1e-4
"""Least allowed difference between two answers to one sample, relative to the output's largest value: sums in
another order differ by less, answers to other samples by more."""

SMALLEST_DIFFERENCE = 2 * float(np.finfo(np.float32).eps)
"""Two steps of float32 at 1: a sigmoid or softmax has this absolute error, however small its answers are."""

PROBABILITY_SUM_ERROR = 1e-2
"""How far a sum of probabilities in half precision may lie from 1."""


def check(
    eager: Run, samples: Arrays, *, batchable: bool = True, allowed: float = RELATIVE_DIFFERENCE
) -> None:
    """Check that a model answers numbers, repeatably, and each sample independently of its batch.

    Args:
        eager: the model.
        samples: real inputs by name, the batch first.
        batchable: whether the answer to a sample must be independent of the other samples of its batch.
        allowed: how far two answers to the same sample may differ, relative to the output's largest value.

    Raises:
        ExportError: the model cannot be served; the message gives the reason and the next step.

    """
    inputs = varied(samples, SAMPLES)
    if batchable and all_equal(inputs):
        raise ExportError(
            "all samples are equal, and equal samples cannot show whether the model mixes the rows of a "
            "batch: give --example a file with two or more different samples"
        )
    single = [_answer(eager, _rows(inputs, np.array([row]))) for row in range(SAMPLES)]
    batches = {size: _rows(inputs, np.arange(size) % SAMPLES) for size in BATCH_SIZES}
    answers = {size: _answer(eager, batch) for size, batch in batches.items()}
    for size, answer in answers.items():
        _check_sample_shapes(answer, size, single[0])
    repeated = BATCH_SIZES[1]
    check_same(answers[repeated], _answer(eager, batches[repeated]), allowed)
    if not batchable:
        return
    for size, answer in answers.items():
        for name, array in answer.items():
            alone = np.concatenate([single[row % SAMPLES][name] for row in range(size)])
            if not _is_same(array, alone, allowed):
                # Random answers differ too, and need other advice.
                check_same(answer, _answer(eager, batches[size]), allowed)
                raise ExportError(
                    f"the answer to a sample depends on the others of its batch: in a batch of {size}, "
                    f"{name!r} is off by up to {_largest_difference(array, alone):.3g} from the answers to "
                    "the same samples alone. Is the batch the first axis? nn.Transformer, "
                    "nn.MultiheadAttention and recurrent layers need batch_first=True, and normalisation "
                    "must not use the batch's own statistics. If the model is meant to be like this, export "
                    "it with --not-batchable: the server then never joins two requests in one batch"
                )


def check_one_by_one(eager: Run, samples: Arrays, *, allowed: float = RELATIVE_DIFFERENCE) -> None:
    """Check that a model without a batch axis answers numbers, and repeatably.

    Args:
        eager: the model, which takes a batch of one.
        samples: real inputs by name, with the samples on the first axis.
        allowed: as in `check`.

    Raises:
        ExportError: the model cannot be served; the message gives the reason and the next step.

    """
    for row in range(min(SAMPLES, len(next(iter(samples.values()))))):
        sample = _rows(samples, np.array([row]))
        try:
            answer = eager(sample)
        except ExportError:
            raise
        except (Exception, SystemExit) as error:
            shapes = {name: list(array.shape[1:]) for name, array in sample.items()}
            raise ExportError(
                f"the model fails on inputs of shape {shapes}: {quoted(error)}. Give --example FILE with the "
                "shapes, data types and values that it takes"
            ) from error
        for name, array in answer.items():
            _check_numbers(name, array)
        check_same(answer, eager(sample), allowed)


def check_same(first: Arrays, second: Arrays, allowed: float = RELATIVE_DIFFERENCE) -> None:
    """Check that two answers to the same inputs are the same but for rounding.

    Raises:
        ExportError: they differ. The message blames the model, not its export.

    """
    for name, array in first.items():
        if not _is_same(array, second[name], allowed):
            raise ExportError(
                f"the model itself answers differently each time: {name!r} changed when the same samples "
                "were given again, so there is no right answer to compare an export with. Look for dropout "
                "or noise that is active in evaluation, for a module that ignores eval(), or for a counter "
                "or another state that is kept between calls"
            )


def check_rebuilt(first: Arrays, second: Arrays) -> None:
    """Check that two modules, made by one factory with one checkpoint, give the same answer.

    Raises:
        ExportError: they differ, so the checkpoint does not hold all weights.

    """
    for name, array in first.items():
        if not _is_same(array, second[name], RELATIVE_DIFFERENCE):
            raise ExportError(
                f"the checkpoint does not hold everything that decides the answer: the factory was called a "
                f"second time with the same checkpoint, and {name!r} is different. Look for a tensor that is "
                "neither a parameter nor a buffer, for a buffer with persistent=False, or for layers in a "
                "plain list instead of nn.ModuleList; register it, and save the trained module again"
            )


def check_logits(scores: NDArray[Any]) -> None:
    """Check that the softmax of a model's scores is of use.

    Args:
        scores: the first output, of shape [samples, classes].

    Raises:
        ExportError: the scores are probabilities already, or there is one class.

    """
    advice = "leave --activation out"
    if scores.shape[1:] == (1,):
        raise ExportError(f"--activation softmax: the softmax of a single class is always 1; {advice}")
    sums = scores.astype(np.float64).sum(axis=-1)
    if (scores >= 0).all() and np.allclose(sums, 1, rtol=0, atol=PROBABILITY_SUM_ERROR):
        raise ExportError(
            "--activation softmax: the scores of each sample are probabilities already, because they add up "
            f"to 1: {advice}, or the server would apply softmax a second time"
        )


def _rows(inputs: Arrays, numbers: NDArray[np.int_]) -> Arrays:
    return {name: array[numbers] for name, array in inputs.items()}


def _answer(eager: Run, inputs: Arrays) -> Arrays:
    size = len(next(iter(inputs.values())))
    try:
        answer = eager(inputs)
    except ExportError:
        raise
    except (Exception, SystemExit) as error:
        shapes = {name: list(array.shape) for name, array in inputs.items()}
        raise ExportError(
            f"the model fails on a batch of {size}, inputs of shape {shapes}: {quoted(error)}. It must take "
            f"a batch of any size, from 1 to {BATCH_SIZES[-1]} and more, on the first axis, and the values "
            "of the samples"
        ) from error
    for name, array in answer.items():
        if array.shape[:1] != (size,):
            raise ExportError(
                f"output {name!r} has the shape {list(array.shape)} for a batch of {size}: the first axis "
                "of each output must be the batch. Look for squeeze(), which removes a batch of 1, for a "
                "sum or mean over all axes, and for a recurrent layer's hidden state, whose first axis is "
                "the layer. A model without a batch axis, or for a batch of 1 alone, is exported with "
                "--no-batch-axis"
            )
        if not array.size:
            raise ExportError(
                f"output {name!r} has the shape {list(array.shape)} for a batch of {size}: it holds no "
                "values. Leave it out, or return one value or more for each sample"
            )
        _check_numbers(name, array)
    return answer


def _check_sample_shapes(answer: Arrays, size: int, single: Arrays) -> None:
    for name, array in answer.items():
        if array.shape[1:] != single[name].shape[1:]:
            raise ExportError(
                f"output {name!r} has the shape {list(array.shape)} for a batch of {size} and "
                f"{list(single[name].shape)} for a batch of 1: only the first axis may change with the batch"
            )


def _check_numbers(name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind == "f" and np.isnan(array).any():
        index = [int(axis) for axis in np.argwhere(np.isnan(array))[0]]
        raise ExportError(
            f"the model itself answers NaN: {name}{index} is not a number. Look for weights or samples "
            "that are NaN or too large, and for a division by 0, a square root or a logarithm in "
            "forward(); --example FILE gives real inputs"
        )


def _is_same(first: NDArray[Any], second: NDArray[Any], allowed: float) -> bool:
    """Tell whether two answers are the same but for rounding."""
    if first.shape != second.shape or not np.issubdtype(first.dtype, np.floating):
        return bool(np.array_equal(first, second))
    allowed = max(allowed, 4 * float(np.finfo(first.dtype).eps))
    finite = np.abs(first[np.isfinite(first)].astype(np.float64))
    scale = float(finite.max(initial=0.0))
    absolute = max(allowed * scale, SMALLEST_DIFFERENCE)
    return bool(np.allclose(second, first, rtol=allowed, atol=absolute, equal_nan=True))


def _largest_difference(first: NDArray[Any], second: NDArray[Any]) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.nanmax(np.abs(first.astype(np.float64) - second.astype(np.float64))))
