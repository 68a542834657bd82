"""The gate before anything is built: an export answers as the model that it was made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ParityError
from model.samples import rows
from model.signature import Arrays
from model.source import Run

BATCH_SIZES = (1, 2, 7)
"""One, an even and an odd batch: an export that froze the size of its example answers one of them only."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """|export - eager| <= atol + rtol * |eager|, as numpy.testing.assert_allclose has it.

    Runtimes fuse and reorder float32 sums. Over the layers of an ImageNet network that moves logits of size
    10 by up to 1e-5, a tenth of what is tolerated. Numbers that are not floating point must be equal.
    """

    rtol: float = 1e-4
    atol: float = 1e-4


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

    """
    differences: list[Difference] = []
    start = 0
    for size in BATCH_SIZES:
        inputs = rows(samples, range(start, start + size))
        start += size
        expected, answered = eager(inputs), export(inputs)
        for name, array in expected.items():
            other = answered.get(name)
            if other is None or (other.shape, other.dtype) != (array.shape, array.dtype):
                found = "nothing" if other is None else f"{other.dtype}{list(other.shape)}"
                raise ParityError(
                    f"{format_name}: at batch size {size} {name!r} is {found}, "
                    f"and {array.dtype}{list(array.shape)} in the model; no artifact is written"
                )
            difference = _difference(name, array, other, tolerance)
            if not difference.worst_ratio <= 1:
                index = difference.worst_index
                raise ParityError(
                    f"{format_name} does not answer as the model does; no artifact is written. "
                    f"Worst at batch size {size}: {name}{list(index)} is {other[index]:.6g}, "
                    f"and {array[index]:.6g} in the model; "
                    f"tolerated are {tolerance.atol:g} + {tolerance.rtol:g} of the model's value"
                )
            differences.append(difference)
    return tuple(differences)


def _difference(name: str, eager: NDArray[Any], export: NDArray[Any], tolerance: Tolerance) -> Difference:
    exact = not np.issubdtype(eager.dtype, np.floating)
    wide, other = eager.astype(np.float64), export.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        absolute = np.where(eager == export, 0.0, np.abs(other - wide))
        tolerated = 0.0 if exact else tolerance.atol + tolerance.rtol * np.abs(wide)
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
