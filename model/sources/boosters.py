"""Estimators of XGBoost and LightGBM inside of scikit-learn's pipelines: https://onnx.ai/onnxmltools."""

import sys
from typing import Any

import skl2onnx
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

from model.errors import ExportError
from model.sources import lightgbm_trees

TRUSTED = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that a file of skops may hold beside scikit-learn's. Loading one runs its library's code alone."""

CLASSIFIER_OPTIONS: dict[str, Any] = {"zipmap": [True, False, "columns"], "nocl": [True, False]}


def register() -> None:
    """Tell skl2onnx how to convert the estimators of those libraries that a loaded model uses.

    Raises:
        ExportError: onnxmltools is not installed, which converts them.

    """
    libraries = [name for name in ("xgboost", "lightgbm") if name in sys.modules]
    if not libraries:
        return
    try:
        if "xgboost" in libraries:
            _register_xgboost()
        if "lightgbm" in libraries:
            _register_lightgbm()
    except ModuleNotFoundError as error:
        raise ExportError(
            f"the model uses {' and '.join(libraries)}, and {error.name}, which converts it, is not "
            "installed: install it and export again"
        ) from None


def prepare(part: Any) -> None:  # noqa: ANN401 - an estimator of any library
    """Change a part of a copied estimator so that its conversion answers as it does."""
    package = type(part).__module__.partition(".")[0]
    if package == "xgboost":
        booster = part.get_booster()
        # predict() of an estimator stops at the best round, and the converter takes all of them.
        best = booster.attr("best_iteration")
        part._Booster = booster if best is None else booster[: int(best) + 1]
        # The converter takes no names but f0, f1, …
        part._Booster.feature_names = None
    elif package == "lightgbm":
        part._Booster = lightgbm_trees.rounded(part.booster_)


def _register_xgboost() -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from xgboost import XGBClassifier, XGBRegressor

    skl2onnx.update_registered_converter(
        XGBClassifier,
        "XGBoostXGBClassifier",
        calculate_linear_classifier_output_shapes,
        convert_xgboost,
        options=CLASSIFIER_OPTIONS,
    )
    skl2onnx.update_registered_converter(
        XGBRegressor, "XGBoostXGBRegressor", calculate_linear_regressor_output_shapes, convert_xgboost
    )


def _register_lightgbm() -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    skl2onnx.update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options=CLASSIFIER_OPTIONS,
    )
    skl2onnx.update_registered_converter(
        LGBMRegressor,
        "LightGbmLGBMRegressor",
        calculate_linear_regressor_output_shapes,
        convert_lightgbm,
        options={"split": None},
    )
