"""Load an estimator or a pipeline of scikit-learn: https://onnx.ai/sklearn-onnx/."""

import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, cast

import numpy as np
import onnx
import skl2onnx
from numpy.typing import NDArray
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.utils.validation import check_is_fitted

from model.errors import ExportError, quoted
from model.signature import Arrays
from model.source import Source
from model.sources import boosters, estimator_files, features
from model.sources.answer import PREDICTION, PROBABILITIES, SCORES, Answer, names_of, two_columns
from model.sources.converted import Conversion, source_of
from model.sources.estimators import estimator_source
from model.sources.kind import Given
from model.sources.thresholds import parts, rounded, rounded_down

SUPPORTED = "https://onnx.ai/sklearn-onnx/supported.html"

BINNED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
"""They compare float64 numbers with float64 thresholds; the trees of other classes take float32."""

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Versions of ONNX's operators: the newest that the converters of all libraries write."""

OPTIONS: tuple[dict[str, bool], ...] = (
    {"zipmap": False, "raw_scores": True},
    {"zipmap": False},
    {"raw_scores": True},
    {},
)
"""Options of converters, which take some of them. Without zipmap probabilities are a tensor."""


def load(given: Given) -> Source:
    """Load an estimator from a file of skops, joblib or pickle.

    Raises:
        UsageError: the file is a pickle, and nothing says that its code may run.
        ExportError: the file cannot be loaded, or the estimator cannot be converted.

    """
    given.report(f"loading {given.model}")
    estimator = estimator_files.read(given.model, run_code=given.options["run_code_in_file"])
    return estimator_source(estimator, given)


def sklearn_source(estimator: Any, given: Given) -> Source:  # noqa: ANN401 - scikit-learn has no types
    """Make a source of a fitted estimator or pipeline.

    Raises:
        UsageError: more than one output is named.
        ExportError: it is not fitted, is neither a classifier nor a regressor, cannot be converted, or the
            example does not fit it.

    """
    answer = _answer(estimator)
    names = getattr(estimator, "feature_names_in_", None)
    example = features.read(
        given.samples,
        names=None if names is None else [str(name) for name in names],
        count=getattr(estimator, "n_features_in_", None),
        by_column=any(isinstance(part, ColumnTransformer) for part in parts(estimator)) and names is not None,
        report=given.report,
    )
    columns = [column.name for column in example.columns] if example.columns else None
    rows = partial(features.frame_of, names=columns if names is not None else None)
    served = _with_float32_thresholds(estimator, answer, rows, example)
    given.report(f"converting {type(estimator).__name__} by skl2onnx {skl2onnx.__version__}")
    proto = _convert(served, example.inputs)
    conversion = Conversion(
        proto=proto,
        output=proto.graph.output[-1].name,
        answer=answer,
        reference=_answer(served),
        rows=rows,
    )
    source = source_of(conversion, example, given)
    if is_classifier(estimator) and np.ndim(estimator.predict(rows(example.inputs))) > 1:
        given.report(
            "a row may have several labels: --threshold 0.5 answers with all that are at least so likely"
        )
    return source


def _with_float32_thresholds(
    estimator: Any,  # noqa: ANN401 - as above
    answer: Answer,
    rows: Callable[[Arrays], Any],
    example: features.Features,
) -> Any:  # noqa: ANN401 - as above
    """Return an estimator whose trees have float32 thresholds, as ONNX holds them.

    Rounding down is right for training data of float32, and rounding to the nearest number for float64. The
    way that changes fewer answers to the example is taken.
    """
    if not any(isinstance(part, BINNED) for part in parts(estimator)):
        return estimator
    # The rows must fit before they can decide.
    expected = answer(rows(example.original))
    candidates = [_rounded(estimator, way) for way in (rounded_down, rounded)]
    answers = [_answer(candidate)(rows(example.inputs)) for candidate in candidates]
    changed = [float(np.nansum(np.abs(found - expected))) for found in answers]
    return candidates[int(np.argmin(changed))]


def _rounded(estimator: Any, way: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Any:  # noqa: ANN401 - as above
    copied = deepcopy(estimator)
    for part in parts(copied):
        if isinstance(part, BINNED):
            for trees in part._predictors:  # pyright: ignore[reportPrivateUsage] - has no other name
                for tree in trees:
                    tree.nodes["num_threshold"] = way(tree.nodes["num_threshold"])
    return copied


def _answer(estimator: Any) -> Answer:  # noqa: ANN401 - as above
    kind = type(estimator).__name__
    try:
        check_is_fitted(estimator)
    except TypeError:
        raise ExportError(
            f"{kind} is no estimator of scikit-learn: give a fitted estimator or pipeline"
        ) from None
    except NotFittedError:
        raise ExportError(f"{kind} is not fitted: call fit() before it is saved") from None
    if is_classifier(estimator):
        if isinstance(estimator.classes_, list):
            raise ExportError(
                f"{kind} has several outputs, and a service has one set of labels: fit and export a model "
                "for each output. Labels that do not exclude each other may be one output: put the "
                "classifier into OneVsRestClassifier"
            )
        classes = names_of(estimator.classes_)
        if hasattr(estimator, "predict_proba"):
            return Answer(name=PROBABILITIES, function=estimator.predict_proba, classes=classes)
        return Answer(
            name=SCORES, function=lambda rows: two_columns(estimator.decision_function(rows)), classes=classes
        )
    if is_regressor(estimator):
        return Answer(name=PREDICTION, function=estimator.predict)
    raise ExportError(
        f"{kind} is neither a classifier nor a regressor, and only those are exported: put it before one of "
        "them, in a pipeline"
    )


def _convert(estimator: Any, inputs: Arrays) -> onnx.ModelProto:  # noqa: ANN401 - as above
    boosters.register()
    # A copy, because parts of it are changed.
    estimator = deepcopy(estimator)
    specific: dict[Any, dict[str, Any]] = {}
    for part in parts(estimator):
        _prepare(part)
        if isinstance(part, (CountVectorizer, TfidfVectorizer)):
            # The converter's default is a locale that images of servers do not have.
            specific[id(part)] = {"locale": "C"}
    types = [
        (name, (StringTensorType if array.dtype.kind == "U" else FloatTensorType)([None, *array.shape[1:]]))
        for name, array in inputs.items()
    ]
    try:
        return _with_options(estimator, types, specific)
    except Exception as error:
        raise ExportError(
            f"skl2onnx cannot convert {type(estimator).__name__}: {quoted(error)}. It converts the classes "
            f"in {SUPPORTED}; replace the step, or do its work before the model. A function of your own "
            "cannot be converted; for missing text train on '' with SimpleImputer(missing_values='')"
        ) from error


def _with_options(
    estimator: Any,  # noqa: ANN401 - as above
    types: list[tuple[str, Any]],
    specific: Mapping[Any, dict[str, Any]],
) -> onnx.ModelProto:
    """Convert with as many of `OPTIONS` as the estimator's converter takes."""
    for options in OPTIONS:
        if "raw_scores" in options and hasattr(estimator, "predict_proba"):
            continue
        whole = {**specific, **({id(estimator): options} if options and is_classifier(estimator) else {})}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                converted = skl2onnx.convert_sklearn(
                    estimator, "model", types, options=whole, target_opset=OPSETS
                )
            return cast(onnx.ModelProto, converted)
        except NameError:
            if not options:
                raise
    raise AssertionError("the last options are empty")


def _prepare(part: Any) -> None:  # noqa: ANN401 - as above
    """Change a part of a copied estimator so that its conversion answers as it does."""
    if isinstance(part, VotingClassifier):
        # The converter has the other setting alone; it decides about transform(), which is not exported.
        part.flatten_transform = False
    else:
        boosters.prepare(part)
