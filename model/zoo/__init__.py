"""Models to start from."""

from importlib import import_module
from typing import cast

from model.errors import ExportError
from model.source import Say, Source

MODELS = ("digits", "efficientnet-lite0")


def load(name: str, say: Say) -> Source:
    """Return one of `MODELS`, trained or with its published weights.

    Raises:
        ExportError: a package that it needs is not installed.

    """
    say(f"{name}: loading")
    try:
        module = import_module(f"model.zoo.{name.replace('-', '_')}")
        return cast(Source, module.source(say))
    except ModuleNotFoundError as error:
        raise ExportError(f"{name} needs {error.name}: `make pytorch` adds it") from None
