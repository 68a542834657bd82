"""Load a model of XGBoost: https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from model.errors import ExportError, quoted
from model.signature import Arrays
from model.source import Source
from model.sources import features
from model.sources.answer import booster_answer
from model.sources.converted import Conversion, source_of
from model.sources.kind import Given

CLASSIFIERS = ("binary:logistic", "multi:softprob", "multi:softmax")
REGRESSORS = ("reg:", "count:")
"""How the names of the objectives begin whose answers onnxmltools converts."""


def load(given: Given) -> Source:
    """Load a booster from a file of XGBoost.

    Raises:
        ExportError: the file cannot be loaded or converted.

    """
    file = cast(Path, given.model)
    given.report(f"loading {file}")
    if not file.is_file():
        raise ExportError(f"--xgboost {file}: no such file. Write it by booster.save_model('FILE.json')")
    try:
        booster = xgboost.Booster(model_file=str(file))
    except xgboost.core.XGBoostError as error:
        raise ExportError(
            f"--xgboost {file}: not a file of XGBoost, or a damaged one ({quoted(error)}). Write it by "
            "booster.save_model('FILE.json') or 'FILE.ubj'; a pickled estimator is loaded by --sklearn"
        ) from None
    return xgboost_source(booster, given)


def xgboost_source(model: Any, given: Given) -> Source:  # noqa: ANN401 - untyped
    """Make a source of a booster, or of an estimator of XGBoost.

    Raises:
        ExportError: the objective or the booster is not supported, or the example does not fit.

    """
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    booster = _used_rounds(booster, is_estimator=booster is not model)
    config = json.loads(booster.save_config())["learner"]
    objective = config["objective"]["name"]
    _check(config, booster.feature_types)
    names = booster.feature_names
    example = features.read(
        given.samples, names=names, count=booster.num_features(), by_column=False, report=given.report
    )
    # The converter takes no names but f0, f1, …
    booster.feature_names = None
    booster.feature_types = None
    if objective == "multi:softmax":
        # It answers the number of a class; the other one its probabilities, from the same trees.
        booster.set_param({"objective": "multi:softprob"})
    answer = booster_answer(model, booster, is_classifier=objective in CLASSIFIERS)
    given.report(f"converting {objective} by onnxmltools {onnxmltools.__version__}")
    ((name, matrix),) = example.inputs.items()
    try:
        proto = onnxmltools.convert_xgboost(
            booster, "model", [(name, FloatTensorType([None, matrix.shape[1]]))]
        )
    except Exception as error:
        raise ExportError(
            f"onnxmltools cannot convert the model: {quoted(error)}. Train it with the objective "
            "binary:logistic, multi:softprob or reg:squarederror, and the booster gbtree"
        ) from error
    conversion = Conversion(proto=proto, output=proto.graph.output[-1].name, answer=answer, rows=_rows)
    return source_of(conversion, example, given)


def _used_rounds(booster: Any, *, is_estimator: bool) -> Any:  # noqa: ANN401 - as above
    """Return a copy with the rounds that predict() uses: an estimator's stops at the best one."""
    best = booster.attr("best_iteration")
    if best is not None and (is_estimator or booster.attr("scikit_learn") is not None):
        return booster[: int(best) + 1]
    return booster.copy()


def _check(config: dict[str, Any], types: Sequence[str] | None) -> None:
    kind = config["learner_train_param"]["booster"]
    if kind != "gbtree":
        raise ExportError(
            f"XGBoost: the booster is {kind}, and only gbtree can be converted: train it with gbtree"
        )
    objective = config["objective"]["name"]
    if objective not in CLASSIFIERS and not objective.startswith(REGRESSORS):
        raise ExportError(
            f"XGBoost: the objective {objective} is not supported. {', '.join(CLASSIFIERS)} are, and those "
            "of "
            "regression: train with one of them, or, where the trees are the same, call "
            "booster.set_param({'objective': ...}) before the model is saved"
        )
    if "c" in (types or ()):
        raise ExportError(
            "XGBoost: the model has categorical features, which ONNX cannot hold. Encode them as numbers, "
            "as by scikit-learn's OneHotEncoder in a pipeline, and export the pipeline by --sklearn"
        )


def _rows(inputs: Arrays) -> Any:  # noqa: ANN401 - as above
    return xgboost.DMatrix(features.matrix_of(inputs))
