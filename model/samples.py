"""Sample inputs of a model: read from a file, or random numbers where no file is given."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ExportError
from model.signature import DATATYPES, Arrays, datatype_of

RANDOM_SAMPLES = 10


def read(option: str, file: Path, name: str) -> Arrays:
    """Read arrays from a .npy or .npz file.

    Args:
        option: the option that names the file, for messages.
        file: arrays by name.
        name: the input's name, where the file is a .npy file. The arrays of an .npz file have their own.

    Raises:
        ExportError: the file cannot be read.

    """
    try:
        with file.open("rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            arrays: Arrays = {name: loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except OSError as error:
        raise ExportError(f"{option} {file}: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ExportError(
            f"{option} {file}: not a .npy or .npz file of numbers ({error}). Save one by numpy.save(FILE, "
            "array) or numpy.savez(FILE, name=array); a photograph needs --image FILE as well"
        ) from None
    return {key: array.astype(array.dtype.newbyteorder("="), copy=False) for key, array in arrays.items()}


def check(arrays: Arrays) -> None:
    """Check that arrays can be samples of a model's inputs.

    Raises:
        ExportError: there is no array, an array has no rows, the numbers of rows differ, or a data type is
            unknown to the Open Inference Protocol.

    """
    if not arrays:
        raise ExportError("no array to use as an input: a model needs one input or more")
    for key, array in arrays.items():
        if not array.ndim or not len(array):
            raise ExportError(f"{key!r} needs a first axis with one sample or more")
        if datatype_of(array) is None:
            raise ExportError(
                f"{key!r} holds {array.dtype}, and an input holds {', '.join(DATATYPES)}: convert the values"
            )
    lengths = {key: len(array) for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key!r} has {length}" for key, length in lengths.items())
        raise ExportError(
            f"the arrays differ in their number of rows: {counts}; a sample is one row of each array"
        )


def noise(shape: Sequence[int]) -> NDArray[np.float32]:
    """Return `RANDOM_SAMPLES` standard normal samples of a shape, the same ones every time."""
    return np.random.default_rng(0).standard_normal((RANDOM_SAMPLES, *shape), dtype=np.float32)


def take(samples: Arrays, numbers: range) -> Arrays:
    """Return a batch of samples by their numbers, which may exceed the number of samples.

    After the last sample the first one follows again, shifted by one step along its last axis; after the next
    round it is shifted by two steps, and so on. The rows of a batch therefore differ, and hold only values
    that occur in the samples: pixels stay pixels, and token ids stay in the vocabulary.
    """
    return {
        name: np.stack([_shifted(array[number % len(array)], number // len(array)) for number in numbers])
        for name, array in samples.items()
    }


def varied(samples: Arrays, count: int) -> Arrays:
    """Return the first `count` samples, changed where all of them are equal.

    Equal samples cannot show whether a model mixes the rows of a batch. Floating-point values are then moved
    apart, and other values are shifted along the last axis. The first sample stays as it is.
    """
    batch = take(samples, range(count))
    if not all_equal(batch):
        return batch
    return {
        name: _spread(array) if array.dtype.kind == "f" else _rolled(array) for name, array in batch.items()
    }


def all_equal(batch: Arrays) -> bool:
    """Tell whether all rows of a batch are equal; NaN equals NaN."""
    return all(
        np.array_equal(array, np.broadcast_to(array[:1], array.shape), equal_nan=array.dtype.kind == "f")
        for array in batch.values()
    )


def _spread(array: NDArray[Any]) -> NDArray[Any]:
    absolute = np.abs(array.astype(np.float64))
    largest = float(absolute[np.isfinite(absolute)].max(initial=0.0))
    # The steps are smaller than the values, so that no value becomes 0.
    steps = np.linspace(0, (largest or 1) / 2, len(array)).reshape(-1, *[1] * (array.ndim - 1))
    ramp = np.linspace(0.5, 1, array[0].size).reshape(array.shape[1:])
    return (array + steps * ramp).astype(array.dtype)


def _rolled(array: NDArray[Any]) -> NDArray[Any]:
    return np.stack([_shifted(row, number) for number, row in enumerate(array)])


def _shifted(sample: NDArray[Any], steps: int) -> NDArray[Any]:
    return np.roll(sample, steps, axis=-1) if sample.ndim else sample
