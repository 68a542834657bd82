"""Load a model of CatBoost: https://catboost.ai/docs/en/concepts/apply-onnx-ml."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import catboost
import onnx

from model.errors import ExportError, quoted
from model.source import Source
from model.sources import features
from model.sources.answer import PREDICTION, PROBABILITIES, Answer, names_of
from model.sources.converted import Conversion, source_of
from model.sources.kind import Given

REFUSED = ("MultiClassOneVsAll", "Poisson", "Tweedie", "MultiLogloss", "MultiCrossEntropy")
"""Loss functions whose last step, after the sum of the trees, CatBoost does not write to ONNX."""


def load(given: Given) -> Source:
    """Load a model from a file of CatBoost.

    Raises:
        ExportError: the file cannot be loaded or converted.

    """
    file = cast(Path, given.model)
    given.report(f"loading {file}")
    try:
        model = catboost.CatBoost().load_model(str(file))
    except catboost.CatBoostError as error:
        raise ExportError(
            f"--catboost {file}: no file of CatBoost, or a damaged one ({quoted(error)}). Write it by "
            "model.save_model('FILE.cbm')"
        ) from None
    return catboost_source(model, given)


def catboost_source(model: Any, given: Given) -> Source:  # noqa: ANN401 - untyped
    """Make a source of a model of CatBoost.

    Raises:
        ExportError: the model has features or a loss function that are not supported, or the example does not
            fit.

    """
    loss = str(model.get_all_params().get("loss_function", "")).partition(":")[0]
    _check(model, loss)
    names = cast(list[str], model.feature_names_)
    has_names = names != [str(number) for number in range(len(names))]
    example = features.read(
        given.samples,
        names=names if has_names else None,
        count=len(names),
        by_column=False,
        report=given.report,
    )
    classes = cast(Sequence[Any], model.classes_)
    if len(classes):
        answer = Answer(
            name=PROBABILITIES,
            function=lambda rows: model.predict(rows, prediction_type="Probability"),
            classes=names_of(classes),
        )
    else:
        answer = Answer(name=PREDICTION, function=model.predict)
    given.report(f"converting {loss or 'the model'} by CatBoost {catboost.__version__}")
    proto, output = _converted(model, next(iter(example.inputs)))
    conversion = Conversion(proto=proto, output=output, answer=answer, rows=features.matrix_of)
    return source_of(conversion, example, given)


def _check(model: Any, loss: str) -> None:  # noqa: ANN401 - as above
    for kind in ("cat", "text", "embedding"):
        if indices := getattr(model, f"get_{kind}_feature_indices")():
            given = ", ".join(str(model.feature_names_[index]) for index in indices)
            raise ExportError(
                f"CatBoost: {given} are {kind} features, which CatBoost cannot write to ONNX. Encode them as "
                "numbers before the model, as by scikit-learn's OneHotEncoder"
            )
    if loss in REFUSED:
        raise ExportError(
            f"CatBoost: the loss function {loss} is not supported: CatBoost writes the sum of the trees "
            "alone to ONNX. Train with Logloss, MultiClass or RMSE"
        )


def _converted(model: Any, name: str) -> tuple[onnx.ModelProto, str]:  # noqa: ANN401 - as above
    """Return the model as ONNX, and the name of the tensor with its answers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        try:
            model.save_model(str(file), format="onnx")
        except catboost.CatBoostError as error:
            raise ExportError(
                f"CatBoost cannot write the model to ONNX: {quoted(error)}. Train it with "
                "grow_policy='SymmetricTree', the default"
            ) from None
        proto = onnx.load(file)
    (tensor,) = proto.graph.input
    for node in proto.graph.node:
        node.input[:] = [name if text == tensor.name else text for text in node.input]
        # A mapping of classes to probabilities, where a tensor is wanted: what it was made from.
        if node.op_type == "ZipMap":
            output = node.input[0]
            break
    else:
        output = proto.graph.output[-1].name
    tensor.name = name
    return proto, output
