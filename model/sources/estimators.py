"""Make a source of an estimator by the library that it is of."""

from importlib import import_module
from typing import Any

from model.errors import ExportError
from model.source import Source
from model.sources.kind import Given

LIBRARIES = ("xgboost", "lightgbm", "catboost")
"""Each has a module here of its own, with a function `NAME_source`."""


def estimator_source(estimator: Any, given: Given) -> Source:  # noqa: ANN401 - of any library
    """Make a source of a fitted estimator, pipeline or booster.

    Raises:
        UsageError: more than one output is named.
        ExportError: a library is missing, or the estimator or the example is not supported.

    """
    library = type(estimator).__module__.partition(".")[0]
    name = library if library in LIBRARIES else "sklearn"
    try:
        module = import_module(f"{__package__}.{name}")
    except ModuleNotFoundError as error:
        raise ExportError(
            f"a model of {library} needs {error.name}, which converts it: install it and export again"
        ) from None
    return getattr(module, f"{name}_source")(estimator, given)
