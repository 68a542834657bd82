"""Samples of other lengths, for a model whose axes are open."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ExportError, quoted
from model.samples import take
from model.signature import Arrays
from model.source import Report, Source

LONGEST = 160
"""Characters of a model's own error that are shown."""


def differing_axes(groups: tuple[Arrays, ...]) -> dict[str, tuple[int, ...]]:
    """Return the axes, beside the first, in which arrays of the same name differ in length.

    Args:
        groups: arrays by name, with the same names and numbers of axes in each group.

    Raises:
        ExportError: the names or the numbers of axes differ.

    """
    first, *others = groups
    for other in others:
        if set(other) != set(first) or any(other[name].ndim != first[name].ndim for name in first):
            raise ExportError(
                "the --example files differ in more than the lengths of axes: give each of them an array of "
                f"the same name and number of axes for each of {', '.join(first)}"
            )
    return {
        name: tuple(
            axis for axis in range(1, array.ndim) if len({group[name].shape[axis] for group in groups}) > 1
        )
        for name, array in first.items()
    }


def opened(
    wanted: Sequence[tuple[str, int]], examples: tuple[Arrays, ...], *, batched: bool
) -> dict[str, tuple[int, ...]]:
    """Return the open axes of arrays, counted with the axis of the samples as 0.

    Args:
        wanted: inputs and axes of `--open-axis`, counted as in the shapes of the signature.
        examples: samples, those of each file with lengths of their own.
        batched: whether axis 0 of a signature's shape is the batch.

    Raises:
        ExportError: there is no such input or axis, or the examples differ in more than lengths.

    """
    axes = {name: set(found) for name, found in differing_axes(examples).items()}
    for name, number in wanted:
        if name not in axes:
            raise ExportError(f"--open-axis {name}:{number}: the inputs are {', '.join(axes)}")
        axis = number if batched else number + 1
        if batched and number == 0:
            raise ExportError(f"--open-axis {name}:0: axis 0 is the batch, which is open; leave it out")
        if axis >= examples[0][name].ndim:
            count = examples[0][name].ndim - (not batched)
            raise ExportError(
                f"--open-axis {name}:{number}: {name!r} has {count} axes, the first of which is axis 0"
            )
        axes[name].add(axis)
    return {name: tuple(sorted(found)) for name, found in axes.items()}


def groups(source: Source, report: Report) -> tuple[Arrays, ...]:
    """Return the samples of a source, followed by samples of other lengths.

    If the source has samples of one length only, others are made of them: an open axis is cut to a half, and
    repeated to twice its length. A length that the model itself does not take is reported and left out.
    """
    inputs = {name: axes for name in source.samples if (axes := source.open_axes.get(name, ()))}
    if source.others or not inputs:
        return (source.samples, *source.others)
    taken: list[Arrays] = []
    for factor in (0.5, 2.0):
        made = _stretched(source.samples, inputs, factor)
        shapes = ", ".join(f"{name} {list(made[name].shape[1:])}" for name in inputs)
        try:
            source.eager(take(made, range(1)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the model raises
            report(
                f"not compared at the lengths {shapes}: the model itself fails ({quoted(error)[:LONGEST]})"
            )
        else:
            taken.append(made)
            report(f"will be compared at the lengths {shapes} as well")
    if not taken:
        report("compared at one length only: give a second --example with other lengths to compare more")
    return (source.samples, *taken)


def _stretched(samples: Arrays, open_axes: Mapping[str, tuple[int, ...]], factor: float) -> Arrays:
    changed = dict(samples)
    for name, axes in open_axes.items():
        for axis in axes:
            changed[name] = _resized(changed[name], axis, max(1, int(changed[name].shape[axis] * factor)))
    return changed


def _resized(array: NDArray[Any], axis: int, length: int) -> NDArray[Any]:
    """Cut an axis, or repeat its values from the start, up to a length."""
    return np.take(array, np.arange(length) % array.shape[axis], axis=axis)
