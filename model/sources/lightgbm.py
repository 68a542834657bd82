"""Load a model of LightGBM: https://lightgbm.readthedocs.io/en/stable/Python-API.html."""

from functools import partial
from pathlib import Path
from typing import Any, cast

import lightgbm
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType

from model.errors import ExportError, quoted
from model.signature import Arrays
from model.source import Source
from model.sources import features, lightgbm_trees
from model.sources.answer import booster_answer
from model.sources.converted import Conversion, source_of
from model.sources.kind import Given

CLASSIFIERS = ("binary", "multiclass")


def load(given: Given) -> Source:
    """Load a booster from a text file of LightGBM.

    Raises:
        ExportError: the file cannot be loaded or converted.

    """
    file = cast(Path, given.model)
    given.report(f"loading {file}")
    if not file.is_file():
        raise ExportError(f"--lightgbm {file}: no such file. Write it by booster.save_model('FILE.txt')")
    try:
        booster = lightgbm.Booster(model_file=file)
    except lightgbm.basic.LightGBMError as error:
        raise ExportError(
            f"--lightgbm {file}: not a file of LightGBM, or a damaged one ({quoted(error)}). Write it by "
            "booster.save_model('FILE.txt'), of an estimator by estimator.booster_.save_model(); a pickled "
            "estimator is loaded by --sklearn"
        ) from None
    return lightgbm_source(booster, given)


def lightgbm_source(model: Any, given: Given) -> Source:  # noqa: ANN401 - untyped
    """Make a source of a booster, or of an estimator of LightGBM.

    Raises:
        ExportError: the model was trained with a setting that is not supported, or the example does not fit.

    """
    booster = getattr(model, "booster_", model)
    trees = lightgbm_trees.rounded(booster)
    objective = str(booster.dump_model(num_iteration=1).get("objective", "")).partition(" ")[0]
    categories = cast(list[list[Any]], booster.pandas_categorical or [])
    example = features.read(
        given.samples,
        names=_names(booster, given.samples),
        count=booster.num_feature(),
        by_column=False,
        report=given.report,
        categories=[list(map(str, values)) for values in categories],
    )
    answer = booster_answer(model, booster, is_classifier=objective in CLASSIFIERS)
    given.report(f"converting {objective} by onnxmltools {onnxmltools.__version__}")
    ((name, matrix),) = example.inputs.items()
    try:
        proto = onnxmltools.convert_lightgbm(
            trees, "model", [(name, FloatTensorType([None, matrix.shape[1]]))], zipmap=False
        )
    except Exception as error:
        raise ExportError(
            f"onnxmltools cannot convert the model: {quoted(error)}. Train it with the objective binary, "
            "multiclass or regression"
        ) from error
    conversion = Conversion(
        proto=proto,
        output=proto.graph.output[-1].name,
        answer=answer,
        rows=partial(_rows, has_categories=bool(categories)),
    )
    return source_of(conversion, example, given)


def _names(booster: Any, samples: Arrays | None) -> list[str] | None:  # noqa: ANN401 - as above
    """Return the names of the features as the example has them: LightGBM writes `_` for a space in a name."""
    names = cast(list[str], booster.feature_name())
    if names == [f"Column_{number}" for number in range(len(names))]:
        return None
    theirs = {name.replace(" ", "_"): name for name in samples or {}}
    return [theirs.get(name, name) for name in names]


def _rows(inputs: Arrays, *, has_categories: bool) -> Any:  # noqa: ANN401 - as above
    if has_categories and any(array.dtype.kind == "O" for array in inputs.values()):
        frame = features.frame_of(inputs, None)
        return frame.astype({name: "category" for name, array in inputs.items() if array.dtype.kind == "O"})
    return features.matrix_of(inputs)
