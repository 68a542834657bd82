"""The gate before anything is built: an export answers as the model that it was made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.behaviour import check_same
from model.errors import ParityError, UsageError
from model.samples import rows
from model.signature import Arrays
from model.source import Run

BATCH_SIZES = (1, 2, 7)
"""One, an even and an odd batch: an export that froze the size of its example answers one of them only."""

SMALLEST_SHARE = 1 / 16
"""Of its output's scale is the least scale of a sample: a sum that cancels keeps the error of its terms."""

RULE = (
    "|export - model| <= rtol * |model| + atol * min(1, scale); scale is the largest |model| of the sample, "
    "at least 1/16 of the largest of all samples; rtol and atol are at least 2 steps of the output's data "
    "type"
)

SERVER_BATCH = 32
"""The largest batch by the server's default."""

SERVER_RTOL, SERVER_ATOL = 1e-2, 1e-3
"""|answer - expected| <= ATOL + RTOL * |expected|: what a server asks of its own sample before it starts."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far an export's answers may lie from the model's: `RULE` says how both numbers are used.

    Runtimes fuse and reorder float32 sums. Over the layers of an ImageNet network that moves logits of size
    10 by up to 1e-5, a tenth of what is tolerated. Numbers that are not floating point must be equal.
    """

    rtol: float = 1e-4
    atol: float = 1e-4

    def __post_init__(self) -> None:
        """Refuse a tolerance that lets every answer through.

        Raises:
            UsageError: an answer of zeros would be tolerated.

        """
        if self.rtol + self.atol >= 1:
            raise UsageError(
                f"--rtol {self.rtol:g} and --atol {self.atol:g} would tolerate an answer of zeros; "
                "give two numbers whose sum is below 1"
            )

    def bound(self, expected: NDArray[Any], largest: float) -> NDArray[Any]:
        """Return what is tolerated at each value.

        Args:
            expected: the model's answers, the batch first.
            largest: the largest finite absolute value of this output over all samples.

        """
        if not np.issubdtype(expected.dtype, np.floating):
            return np.zeros(expected.shape)
        limits = np.finfo(expected.dtype)
        step = 2 * float(limits.eps)
        values = _finite(expected)
        samples = values.reshape(len(values), -1).max(axis=1)
        scales = np.minimum(1, np.maximum(samples, SMALLEST_SHARE * largest))
        shape = (-1, *[1] * (values.ndim - 1))
        relative = max(self.rtol, step) * values + max(self.atol, step) * scales.reshape(shape)
        # Below the normal numbers a step is no longer a share of the value.
        return relative + 2 * float(limits.smallest_subnormal)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far one output of one batch lies from the eager answer."""

    output: str
    batch_size: int
    max_abs_diff: float
    """In the output's own unit."""

    worst_index: tuple[int, ...]
    """Where the difference is largest against what is tolerated there."""

    worst_ratio: float
    """The difference there over what is tolerated there: above 1 the export fails."""


def compare(
    format_name: str, eager: Run, export: Run, samples: Arrays, tolerance: Tolerance
) -> tuple[Difference, ...]:
    """Run both on batches of several sizes, of other samples each, and return the differences.

    Raises:
        ParityError: one is not tolerated; an output is missing, or of another shape or type, or not a number.
        ExportError: the model itself answers otherwise when it is asked again.

    """
    starts = np.cumsum([0, *BATCH_SIZES]).tolist()
    batches = [
        rows(samples, range(start, start + size)) for start, size in zip(starts, BATCH_SIZES, strict=False)
    ]
    answers = [eager(batch) for batch in batches]
    differences: list[Difference] = []
    for inputs, expected in zip(batches, answers, strict=True):
        answered = export(inputs)
        for name, array in expected.items():
            largest = max(float(_finite(answer[name]).max()) for answer in answers)
            other = _like(format_name, name, array, answered.get(name))
            bound = tolerance.bound(array, largest)
            difference = _difference(name, array, other, bound)
            if not difference.worst_ratio <= 1:
                check_same(expected, eager(inputs))
                index = difference.worst_index
                raise ParityError(
                    f"{format_name} does not answer as the model does; no artifact is written. "
                    f"Worst at batch size {len(array)}: {name}{list(index)} is {other[index]:.6g}, "
                    f"and {array[index]:.6g} in the model; tolerated is a difference of {bound[index]:.3g}"
                )
            differences.append(difference)
    return tuple(differences)


def check_start(
    format_name: str, export: Run, sample: Arrays, expected: Arrays, sizes: tuple[int, ...]
) -> None:
    """Ask of an export what a server asks of it before it starts: the sample, repeated to a batch.

    Raises:
        ParityError: a server would not start.

    """
    for size in sizes:
        answer = export({name: np.repeat(array, size, axis=0) for name, array in sample.items()})
        for name, array in expected.items():
            whole = np.repeat(array, size, axis=0)
            other = _like(format_name, name, whole, answer.get(name))
            if not np.allclose(other, whole, rtol=SERVER_RTOL, atol=SERVER_ATOL):
                raise ParityError(
                    f"{format_name}: a server would not start, for a batch of {size} times the first sample "
                    f"gives {name!r} off by more than {SERVER_ATOL:g} + {SERVER_RTOL:g} of the model's "
                    "value; no artifact is written. Give smaller --rtol and --atol to see where the export "
                    "differs"
                )


def _like(format_name: str, name: str, expected: NDArray[Any], found: NDArray[Any] | None) -> NDArray[Any]:
    if found is None or (found.shape, found.dtype) != (expected.shape, expected.dtype):
        said = "nothing" if found is None else f"{found.dtype}{list(found.shape)}"
        raise ParityError(
            f"{format_name}: at batch size {len(expected)} {name!r} is {said}, "
            f"and {expected.dtype}{list(expected.shape)} in the model; no artifact is written"
        )
    return found


def _finite(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return the absolute values, with 0 in place of those that are not finite."""
    wide = np.abs(array.astype(np.float64))
    return np.where(np.isfinite(wide), wide, 0.0)


def _difference(name: str, eager: NDArray[Any], export: NDArray[Any], tolerated: NDArray[Any]) -> Difference:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        absolute = np.where(
            eager == export, 0.0, np.abs(export.astype(np.float64) - eager.astype(np.float64))
        )
        ratio = np.where(eager == export, 0.0, absolute / tolerated)
    # A NaN equals nothing, itself included: argmax takes it for the largest, and no comparison lets it pass.
    index = np.unravel_index(ratio.argmax(), ratio.shape)
    return Difference(
        output=name,
        batch_size=len(eager),
        max_abs_diff=float(absolute.max()),
        worst_index=tuple(int(axis) for axis in index),
        worst_ratio=float(ratio[index]),
    )
