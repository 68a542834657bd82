"""The runtimes of the server, from its own table."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

TABLE = Path(__file__).parents[1] / "app" / "runtimes" / "table.toml"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a stack must know of a runtime."""

    format: str
    """The format of the artifact that it reads."""

    devices: tuple[str, ...]
    """What it can compute on: `cpu`, `gpu`."""


RUNTIMES = TypeAdapter(dict[str, Runtime]).validate_python(tomllib.loads(TABLE.read_text()))
"""The runtimes by the names that the setting `runtime` takes."""

if TYPE_CHECKING:
    RuntimeName = str
else:
    # A type checker does not accept a Literal that is computed. Pydantic checks values by it.
    RuntimeName = Literal[tuple(RUNTIMES)]
