"""The parity gate: an export must answer as the model that it was made from."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.behaviour import SMALLEST_DIFFERENCE, check_same
from model.errors import ParityError, UsageError
from model.samples import take
from model.signature import Arrays
from model.source import Run

BATCH_SIZES = (1, 2, 7)
"""A single sample, an even and an odd batch: an export with a fixed batch size answers only one of them."""

SMALLEST_RELATIVE_SCALE = 1 / 16
"""Smallest scale of a sample, relative to its output's scale: where the terms of a sum cancel, their errors
remain."""

RULE = (
    "|export - model| <= rtol * |model| + atol * min(1, scale); scale is the largest |model| of the sample, "
    "at least 1/16 of the largest of all samples; rtol and atol are at least 2 steps of the output's data "
    "type; a difference of 2 steps of float32 at 1, at most 1/16 of the largest |model|, is always allowed"
)

SERVER_BATCH = 32
"""The server's default for its largest batch."""

SERVER_RTOL, SERVER_ATOL = 1e-2, 1e-3
"""Tolerance of the server's check of its sample at start: |answer - expected| <= ATOL + RTOL * |expected|."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far an export's answers may differ from the model's; `RULE` says how both numbers are used.

    Runtimes fuse and reorder float32 sums. In an ImageNet network that changes logits of size 10 by up to
    1e-5, a tenth of the tolerance. Numbers that are not floating point must be equal.
    """

    rtol: float = 1e-4
    atol: float = 1e-4

    def __post_init__(self) -> None:
        """Refuse a tolerance that accepts every answer.

        Raises:
            UsageError: an answer of zeros would be accepted.

        """
        if self.rtol + self.atol >= 1:
            raise UsageError(
                f"--rtol {self.rtol:g} and --atol {self.atol:g} would tolerate an answer of zeros; "
                "give two numbers whose sum is below 1"
            )

    def bound(self, expected: NDArray[Any], largest: float) -> NDArray[Any]:
        """Return the largest allowed difference of each value.

        Args:
            expected: the model's answers to one output, the batch first.
            largest: the largest finite absolute value of this output over all samples.

        """
        if not np.issubdtype(expected.dtype, np.floating):
            return np.zeros(expected.shape)
        limits = np.finfo(expected.dtype)
        step = 2 * float(limits.eps)
        values = _finite(expected)
        samples = values.max(axis=tuple(range(1, values.ndim)), initial=0.0)
        scales = np.minimum(1, np.maximum(samples, SMALLEST_RELATIVE_SCALE * largest))
        shape = (-1, *[1] * (values.ndim - 1))
        relative = max(self.rtol, step) * values + max(self.atol, step) * scales.reshape(shape)
        # Below the normal numbers the distance of neighbours does not shrink with the value.
        bound = relative + 2 * float(limits.smallest_subnormal)
        # Far below the largest value, so that an answer of zeros never passes.
        return np.maximum(bound, min(SMALLEST_DIFFERENCE, SMALLEST_RELATIVE_SCALE * largest))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference of an output from the model's answer, in one batch."""

    output: str
    batch_size: int
    max_abs_diff: float
    """In the unit of the output."""

    worst_index: tuple[int, ...]
    """Index of the value whose difference is largest in relation to the tolerance."""

    worst_ratio: float
    """That difference divided by its tolerance; above 1 the export fails."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """The shapes of the inputs; empty in a report from before they were kept."""


def compare(
    format_name: str,
    eager: Run,
    export: Run,
    samples: Arrays,
    tolerance: Tolerance,
    sizes: tuple[int, ...] = BATCH_SIZES,
) -> tuple[Difference, ...]:
    """Run a model and its export on batches of several sizes, and return the differences.

    Args:
        format_name: the export's format, for messages.
        eager: the model.
        export: the export.
        samples: real inputs by name, the batch first; each batch gets other samples.
        tolerance: how far the answers may differ.
        sizes: the sizes of the batches.

    Returns:
        A difference for each output of each batch.

    Raises:
        ParityError: a difference exceeds the tolerance; an output is missing, has another shape or data type,
            or is not a number.
        ExportError: the model itself answers differently when it is run again.

    """
    starts = np.cumsum([0, *sizes]).tolist()
    batches = [take(samples, range(start, start + size)) for start, size in zip(starts, sizes, strict=False)]
    answers = [eager(batch) for batch in batches]
    differences: list[Difference] = []
    for inputs, expected in zip(batches, answers, strict=True):
        exported = export(inputs)
        for name, array in expected.items():
            largest = max(float(_finite(answer[name]).max(initial=0.0)) for answer in answers)
            found = _checked_output(format_name, name, array, exported.get(name))
            bound = tolerance.bound(array, largest)
            shapes = {key: given.shape for key, given in inputs.items()}
            difference = _difference(name, array, found, bound, shapes)
            if not difference.worst_ratio <= 1:
                check_same(expected, eager(inputs))
                index = difference.worst_index
                raise ParityError(
                    f"{format_name} does not answer as the model does; no artifact is written. "
                    f"Worst at batch size {len(array)}: {name}{list(index)} is {found[index]:.6g}, "
                    f"and {array[index]:.6g} in the model; the tolerance is {bound[index]:.3g}; the inputs "
                    f"are {', '.join(f'{key} {list(shape)}' for key, shape in shapes.items())}. Try another "
                    "--format, or accept the difference with --rtol or --atol"
                )
            differences.append(difference)
    return tuple(differences)


def compare_given(
    eager: Run, samples: Arrays, expected: Arrays, tolerance: Tolerance, *, batched: bool
) -> None:
    """Compare a model with the answers that its framework gave.

    Args:
        eager: the model.
        samples: inputs by name, the batch first.
        expected: the framework's answers to them by output, the batch first.
        tolerance: how far the answers may differ.
        batched: whether the model can be given several samples at once.

    Raises:
        ParityError: an answer differs, or the model has no such output.

    """
    rows = len(next(iter(samples.values())))
    step = SERVER_BATCH if batched else 1
    for start in range(0, rows, step):
        answer = eager({name: array[start : start + step] for name, array in samples.items()})
        for name, array in expected.items():
            wanted = array[start : start + step]
            found = answer.get(name)
            if found is None or found.shape != wanted.shape:
                kind = "none" if found is None else list(found.shape)
                raise ParityError(
                    f"--expected: {name!r} has the shape {list(wanted.shape)} for the samples from {start} "
                    f"on, and the model's is {kind}; its outputs are {', '.join(answer)}. Give an array for "
                    "an output under its name, with an answer for each sample of --example"
                )
            bound = tolerance.bound(wanted, float(_finite(array).max(initial=0.0)))
            difference = _difference(name, wanted, found, bound, {})
            if not difference.worst_ratio <= 1:
                index = difference.worst_index
                raise ParityError(
                    f"the model does not answer as --expected says: for sample {start + index[0]} "
                    f"{name}{list(index)} is {found[index]:.6g}, and {wanted[index]:.6g} in --expected; the "
                    f"tolerance is {bound[index]:.3g}. Look for other weights, for training mode when the "
                    "file was written, or accept the difference with --rtol or --atol"
                )


def check_start(
    format_name: str, export: Run, sample: Arrays, expected: Arrays, sizes: tuple[int, ...]
) -> None:
    """Check an export as the server does before it starts: with the first sample, repeated to a batch.

    Args:
        format_name: the export's format, for messages.
        export: the export.
        sample: the first sample, a batch of one.
        expected: the model's answer to it.
        sizes: the batch sizes that the server tries.

    Raises:
        ParityError: the server would not start.

    """
    for size in sizes:
        answer = export({name: np.repeat(array, size, axis=0) for name, array in sample.items()})
        for name, array in expected.items():
            whole = np.repeat(array, size, axis=0)
            found = _checked_output(format_name, name, whole, answer.get(name))
            if not np.allclose(found, whole, rtol=SERVER_RTOL, atol=SERVER_ATOL):
                raise ParityError(
                    f"{format_name}: a server would not start: for a batch of {size} times the first sample "
                    f"the export's {name!r} is off by more than {SERVER_ATOL:g} + {SERVER_RTOL:g} of the "
                    "model's value; no artifact is written. Give smaller --rtol and --atol to see where the "
                    "export differs"
                )


def _checked_output(
    format_name: str, name: str, expected: NDArray[Any], found: NDArray[Any] | None
) -> NDArray[Any]:
    """Return an export's output, if its shape and data type are the model's."""
    if found is None or (found.shape, found.dtype) != (expected.shape, expected.dtype):
        kind = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
        raise ParityError(
            f"{format_name}: at batch size {len(expected)} {name!r} is {kind}, and "
            f"{expected.dtype}{list(expected.shape)} in the model; no artifact is written. Try another "
            "--format"
        )
    return found


def _finite(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return the absolute values, with 0 instead of infinities and NaN."""
    wide = np.abs(array.astype(np.float64))
    return np.where(np.isfinite(wide), wide, 0.0)


def _difference(
    name: str,
    eager: NDArray[Any],
    export: NDArray[Any],
    tolerated: NDArray[Any],
    shapes: dict[str, tuple[int, ...]],
) -> Difference:
    if not eager.size:
        return Difference(
            output=name, batch_size=len(eager), max_abs_diff=0, worst_index=(), worst_ratio=0, shapes=shapes
        )
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        absolute = np.where(
            eager == export, 0.0, np.abs(export.astype(np.float64) - eager.astype(np.float64))
        )
        ratio = np.where(eager == export, 0.0, absolute / tolerated)
    # argmax takes NaN for the largest value, and `worst_ratio <= 1` is false for it.
    index = np.unravel_index(ratio.argmax(), ratio.shape)
    return Difference(
        output=name,
        batch_size=len(eager),
        max_abs_diff=float(absolute.max()),
        worst_index=tuple(int(axis) for axis in index),
        worst_ratio=float(ratio[index]),
        shapes=shapes,
    )
