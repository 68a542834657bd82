"""Ready-made models, to try the export and the service with."""

from importlib import import_module
from typing import cast

from model.errors import ExportError
from model.source import Report, Source

MODELS = ("digits", "efficientnet-lite0")


def load(name: str, report: Report) -> Source:
    """Return a model of `MODELS`, trained here or with its published weights.

    Args:
        name: the model.
        report: is called with a line for each step.

    Raises:
        ExportError: a package that the model needs is not installed.

    """
    report(f"{name}: loading")
    try:
        module = import_module(f"{__name__}.{name.replace('-', '_')}")
        return cast(Source, module.source(report))
    except ModuleNotFoundError as error:
        raise ExportError(f"{name} needs {error.name}: `make pytorch` adds it") from None
