"""Inputs to try a model with: real ones from a file, or noise where there are none."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ExportError
from model.signature import Arrays

NOISE_ROWS = 10


def read(file: Path, name: str) -> Arrays:
    """Read the inputs in a .npy file, under a name, or those in an .npz file, under their own names.

    Raises:
        ExportError: it holds no arrays, or one without samples.

    """
    try:
        with file.open("rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            arrays: Arrays = {name: loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except OSError as error:
        raise ExportError(f"--example {file}: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ExportError(
            f"--example {file}: not a .npy or .npz file of numbers ({error}). Save one by numpy.save(FILE, "
            "array) or numpy.savez(FILE, name=array); a photograph needs --image FILE as well"
        ) from None
    try:
        check(arrays)
    except ExportError as error:
        raise ExportError(f"--example {file}: {error}") from None
    return {key: array.astype(array.dtype.newbyteorder("="), copy=False) for key, array in arrays.items()}


def check(arrays: Arrays) -> None:
    """See that arrays are samples of a model's inputs.

    Raises:
        ExportError: there are none, they differ in number, or they hold something else than numbers.

    """
    if not arrays:
        raise ExportError("it holds no array")
    for key, array in arrays.items():
        if not array.ndim or not len(array):
            raise ExportError(f"{key!r} needs a first axis with one sample or more")
        if array.dtype.kind in "USOV":
            raise ExportError(
                f"{key!r} holds {array.dtype}, and an export takes numbers alone: encode strings before the "
                "model, and give it their numbers"
            )
    lengths = {key: len(array) for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key!r} has {length}" for key, length in lengths.items())
        raise ExportError(
            f"the arrays differ in their number of rows: {told}; a row of each makes one sample"
        )


def noise(shape: Sequence[int]) -> NDArray[np.float32]:
    """Return standard normal samples of a shape, the same ones every time."""
    return np.random.default_rng(0).standard_normal((NOISE_ROWS, *shape), dtype=np.float32)


def rows(samples: Arrays, numbers: range) -> Arrays:
    """Return a batch of samples by number, without end: where there are no more of them, the same ones again.

    Each time round they are shifted by one step along their last axis, so that no two rows of a batch are
    alike. A shift keeps to values that the model knows, pixels or token ids alike.
    """
    return {
        name: np.stack([_shifted(array[number % len(array)], number // len(array)) for number in numbers])
        for name, array in samples.items()
    }


def varied(samples: Arrays, count: int) -> Arrays:
    """Return the first samples by `rows`; where all are alike, floating-point values are moved apart.

    The first one stays as it is.
    """
    made = rows(samples, range(count))
    if any((array != array[:1]).any() for array in made.values()):
        return made
    return {name: _spread(array) if array.dtype.kind == "f" else array for name, array in made.items()}


def _spread(array: NDArray[Any]) -> NDArray[Any]:
    largest = float(np.abs(array.astype(np.float64)).max(initial=0.0))
    # By less than the values themselves, so that none turns into 0.
    steps = np.linspace(0, (largest or 1) / 2, len(array)).reshape(-1, *[1] * (array.ndim - 1))
    ramp = np.linspace(0.5, 1, array[0].size).reshape(array.shape[1:])
    return (array + steps * ramp).astype(array.dtype)


def _shifted(sample: NDArray[Any], steps: int) -> NDArray[Any]:
    return np.roll(sample, steps, axis=-1) if sample.ndim else sample
