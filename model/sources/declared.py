"""Sample inputs of a model whose file says which inputs it takes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model import samples as sample_inputs
from model.errors import ExportError
from model.lengths import differing_axes
from model.signature import Arrays
from model.sources.kind import Given


@dataclass(frozen=True, kw_only=True)
class Declared:
    """An input or output, as a file declares it."""

    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    """None is an axis of any length. Axis 0 is the batch, if the model has one."""

    def __str__(self) -> str:
        return f"{self.dtype}{['any' if length is None else length for length in self.shape]}".replace(
            "'", ""
        )


Declarations = Mapping[str, Declared]
"""By name, in the order of the file."""


def examples(given: Given, inputs: Declarations, *, batched: bool) -> tuple[Arrays, ...]:
    """Return the samples of a model, one group for each `--example`; random numbers if there is none.

    Without a batch axis a file may hold one sample in the shapes of the inputs, or several, stacked on a new
    first axis.

    Args:
        given: the command line.
        inputs: what the model takes.
        batched: whether axis 0 of the inputs is the batch.

    Returns:
        Arrays by input, in the order of the file, with the samples on the first axis.

    Raises:
        ExportError: the examples do not fit the inputs, or there are none and random numbers may be wrong.

    """
    if not given.examples:
        return (_noise(inputs, batched=batched),)
    groups = tuple(_fitting(arrays, inputs, batched=batched) for arrays in given.examples)
    for group in groups:
        sample_inputs.check(group)
    differing_axes(groups)
    return groups


def expected(given: Given, groups: tuple[Arrays, ...], outputs: Collection[str]) -> tuple[Arrays, ...]:
    """Return the answers of `--expected`, with the samples on the first axis.

    A single array may have any name, if the model has one output.
    """
    if not given.expected:
        return ()
    found: list[Arrays] = []
    for arrays, raw, group in zip(given.expected, given.examples, groups, strict=True):
        # A file of one sample without a batch axis got this axis in `examples`.
        added = next(iter(raw.values())).ndim < next(iter(group.values())).ndim
        named = (
            dict(zip(outputs, arrays.values(), strict=True)) if len(outputs) == len(arrays) == 1 else arrays
        )
        found.append({name: array[np.newaxis] if added else array for name, array in named.items()})
    return tuple(found)


def open_axes(tensors: Declarations, *, batched: bool) -> dict[str, tuple[int, ...]]:
    """Return the axes of any length, beside the batch, counted with the axis of the samples as 0."""
    start = 0 if batched else 1
    return {
        name: tuple(
            axis + start for axis, length in enumerate(declared.shape) if length is None and axis + start > 0
        )
        for name, declared in tensors.items()
    }


def _fitting(arrays: Arrays, inputs: Declarations, *, batched: bool) -> Arrays:
    if len(inputs) == 1 and len(arrays) == 1:
        arrays = dict(zip(inputs, arrays.values(), strict=True))
    wanted = ", ".join(f"{name} {declared}" for name, declared in inputs.items())
    if unknown := [name for name in arrays if name not in inputs]:
        raise ExportError(
            f"--example has {', '.join(unknown)}, and the model takes {wanted}: name each array after the "
            "input that it is for"
        )
    return {
        name: _fit(name, arrays.get(name), declared, batched=batched) for name, declared in inputs.items()
    }


def _fit(name: str, array: NDArray[Any] | None, declared: Declared, *, batched: bool) -> NDArray[Any]:
    if array is not None and not batched and array.ndim == len(declared.shape):
        array = array[np.newaxis]
    shape = declared.shape if batched else (None, *declared.shape)
    if (
        array is None
        or array.dtype.kind != declared.dtype.kind
        or (array.dtype.kind != "U" and array.dtype != declared.dtype)
        or array.ndim != len(shape)
        or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True))
    ):
        held = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
        raise ExportError(
            f"input {name!r} must be {declared}; --example has {held} there. Give an .npz file with an array "
            f"for each input; .astype({declared.dtype.name!r}) converts values"
        )
    return array


def _noise(inputs: Declarations, *, batched: bool) -> Arrays:
    arrays: Arrays = {}
    for name, declared in inputs.items():
        lengths = declared.shape[1:] if batched else declared.shape
        if declared.dtype.kind != "f" or None in lengths:
            raise ExportError(
                f"input {name!r} is {declared}, for which random numbers may be wrong: give real inputs "
                "with --example FILE"
            )
        arrays[name] = sample_inputs.noise([length or 1 for length in lengths]).astype(declared.dtype)
    return arrays
