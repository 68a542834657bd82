"""Inputs to try a model with: real ones from a file, or noise where there are none."""

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
        with np.load(file, allow_pickle=False) as loaded:
            arrays: Arrays = dict(loaded)
    except TypeError:
        arrays = {name: np.load(file, allow_pickle=False)}
    except (OSError, ValueError, EOFError) as error:
        raise ExportError(f"--example {file}: {error}") from None
    for key, array in arrays.items():
        if not array.ndim or not len(array):
            raise ExportError(f"--example {file}: {key!r} needs a first axis with one sample or more")
    return arrays


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


def _shifted(sample: NDArray[Any], steps: int) -> NDArray[Any]:
    return np.roll(sample, steps, axis=-1) if sample.ndim else sample
