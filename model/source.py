"""What can be exported: a model that answers here and now, with real inputs to hold its exports against."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from model.signature import Arrays, ImageInput

Run = Callable[[Arrays], Arrays]
"""Answers a batch."""

Say = Callable[[str], None]
"""Tells a person how far the work is."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One way to write a model down, and to run what was written."""

    name: str
    """Also the name of its folder in the artifact."""

    write: Callable[[Path], None]
    """Write the model into an existing, empty folder."""

    load: Callable[[Path], Run]
    """Return what runs the model in such a folder."""

    by_default: bool = True
    """Whether it is written where no format is named: not where it needs what may not be installed."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a model's tensors cannot tell: its name, and what its numbers stand for."""

    name: str
    labels: tuple[str, ...] | None = None
    activation: Literal["softmax"] | None = None
    image: ImageInput | None = None
    photograph: bytes | None = field(default=None, repr=False)
    """A PNG, of which the first sample was made."""

    batchable: bool = True
    """Whether the answer to a sample is the same whatever other samples share its batch."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model before its export."""

    description: Description
    eager: Run
    """The model as it was trained: the answer that every export must give."""

    samples: Arrays
    """Real inputs by tensor name, at least one."""

    fingerprint: bytes
    """Changes with every weight and with the computation, and with nothing else."""

    formats: tuple[Format, ...]
    """The formats it can be exported to, in the order of preference."""
