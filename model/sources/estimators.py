"""Make a source of an estimator by the library that it is of."""

from collections.abc import Callable
from typing import Any

from model.errors import ExportError
from model.source import Source
from model.sources.kind import Given


def estimator_source(estimator: Any, given: Given) -> Source:  # noqa: ANN401 - of any library
    """Make a source of a fitted estimator, pipeline or booster.

    Raises:
        UsageError: more than one output is named.
        ExportError: a library is missing, or the estimator or the example is not supported.

    """
    library = type(estimator).__module__.partition(".")[0]
    try:
        make = _maker(library)
    except ModuleNotFoundError as error:
        raise ExportError(
            f"a model of {library} needs {error.name}, which converts it: install it and export again"
        ) from None
    return make(estimator, given)


def _maker(library: str) -> Callable[[Any, Given], Source]:
    # Not at the top: each library is optional.
    match library:
        case "xgboost":
            from model.sources.xgboost import xgboost_source as make
        case "lightgbm":
            from model.sources.lightgbm import lightgbm_source as make
        case "catboost":
            from model.sources.catboost import catboost_source as make
        case _:
            from model.sources.sklearn import sklearn_source as make
    return make
