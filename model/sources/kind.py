"""A kind of model: the option that names it, the file that loads it, and what it needs."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from model.signature import Arrays
from model.source import Description, Report, Source


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of the command line."""

    flag: str
    help: str
    metavar: str | None = None
    type: Callable[[str], object] = Path
    action: Literal["store", "append", "store_true"] = "store"

    @property
    def name(self) -> str:
        """The name under which the parsed command line holds its value."""
        return self.flag.removeprefix("--").replace("-", "_")

    def add(self, group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage] - has no other name
        """Add the option to a group of a parser."""
        if self.action == "store_true":
            group.add_argument(self.flag, action=self.action, help=self.help)
        else:
            group.add_argument(
                self.flag, action=self.action, type=self.type, metavar=self.metavar, help=self.help
            )


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the command line says about a model, read from the files that it names."""

    model: Any
    """The value of the option that names the model: a path, or the name of a factory."""

    description: Description
    examples: tuple[Arrays, ...]
    """Inputs by name, as each file of `--example` holds them; empty if there is no example."""

    expected: tuple[Arrays, ...] = ()
    """What the framework answered to each of them; empty if it is not given."""

    is_noise: bool = False
    """Whether the examples are random numbers."""

    outputs: Sequence[str] | None
    """Names of the outputs, in their order; None if the model decides."""

    report: Report
    """Is called with a line for each step."""

    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values of the options that the kind takes, by `Option.name`."""

    @property
    def samples(self) -> Arrays | None:
        """The inputs of the first example; None if there is none."""
        return self.examples[0] if self.examples else None


class Loader(Protocol):
    """What the file of a kind holds."""

    def load(self, given: Given) -> Source:
        """Make a source of a model.

        Raises:
            UsageError: an option is missing.
            ExportError: the model cannot be loaded.

        """
        ...


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A row of the table in `model.sources`."""

    option: Option
    """Names the model; it selects the kind."""

    module: str
    """A module of `model.sources`, a `Loader`. It is imported when its kind is chosen."""

    libraries: str | None
    """The command that adds the libraries that the module needs; None if it needs no more than the export."""

    takes: tuple[Option, ...] = ()
    """The options, of those that some kinds take, that this one takes."""

    requires: tuple[Option, ...] = ()
    """Those without which the model cannot be loaded."""

    reads_tables: bool = False
    """Whether its example may be a table with named columns."""

    why_not: str
    """Why the other options would have no effect, for the message that refuses them."""
