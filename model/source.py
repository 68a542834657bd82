"""The input of an export: a trained model that can be run, with real inputs to compare its exports on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from model.signature import Arrays, ImageInput

if TYPE_CHECKING:
    # It needs this module.
    from model.steps.plan import Plan

Run = Callable[[Arrays], Arrays]
"""A model as a function: a batch of inputs by name to a batch of outputs by name."""

Report = Callable[[str], None]
"""Shows a line about the progress to the user."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format that a model can be written in, and run from."""

    name: str
    """Also the name of its folder in the artifact."""

    write: Callable[[Path], None]
    """Write the model into an existing, empty folder."""

    load: Callable[[Path], Run]
    """Return a function that runs the model in such a folder."""

    by_default: bool = True
    """Whether it is written when the user names no format. False where it needs an optional library."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """A model's name, and the meaning of its numbers, which the tensors do not tell."""

    name: str
    labels: tuple[str, ...] | None = None
    """Names of the classes of the first output, in their order."""

    activation: Literal["softmax"] | None = None
    """Turns the first output into scores; None if it holds scores already."""

    image: ImageInput | None = None
    photograph: bytes | None = field(default=None, repr=False)
    """A PNG from which the first sample was made."""

    batchable: bool = True
    """Whether the answer to a sample is the same whatever other samples share its batch."""

    steps: "Plan | None" = None
    """The steps before and after the model; None where there are none."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model before its export."""

    description: Description
    eager: Run
    """The model as it was trained: every export must give its answers."""

    samples: Arrays
    """Real inputs by tensor name, one or more, the batch first."""

    fingerprint: bytes
    """A hash that changes with each weight and with the computation, and with nothing else."""

    formats: tuple[Format, ...]
    """The formats that it can be written in; the first one is preferred."""

    batched: bool = True
    """Whether the first axis of each tensor is the batch. Otherwise the model is given one sample at a time:
    then `eager` and the formats take a batch of one, by `one_by_one`."""

    others: tuple[Arrays, ...] = ()
    """Real inputs whose open axes have other lengths than those of `samples`."""

    open_axes: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """By input or output: the axes of its arrays, beside the first, that may have any length."""

    can_open: bool = False
    """Whether `--open-axis` can open more axes."""

    expected: tuple[Arrays, ...] = ()
    """What the framework itself answered to `samples` and to `others`, in their order; nothing if unknown."""

    reference: Run | None = None
    """Computes the model's answer to one sample in another way; raises an ExportError if it cannot."""

    is_noise: bool = False
    """Whether `samples` are random numbers."""

    compares_all: bool = False
    """Whether the exports are compared with the model on all samples, and not on a few: a row of a table is
    computed in microseconds, and each row may take another path through a tree."""


def in_order(run: Run, names: Iterable[str]) -> Run:
    """Return a model that takes its arguments by position as one that takes them by name, in any order."""
    order = tuple(names)
    return lambda inputs: run({name: inputs[name] for name in order})


def one_by_one(run: Run) -> Run:
    """Return a model without a batch axis as one that takes and gives batches of one sample."""

    def batch_of_one(batch: Arrays) -> Arrays:
        answer = run({name: array.reshape(array.shape[1:]) for name, array in batch.items()})
        return {name: np.asarray(array)[np.newaxis] for name, array in answer.items()}

    return batch_of_one
