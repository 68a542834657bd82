"""How output tensors become predictions."""

import numpy as np
import pytest

from app.errors import InvalidInput
from app.serving.predictions import MAX_SORTED_CLASSES, BatchOutputs, Prediction
from app.signature import Signature


def signature(outputs: int = 1, classes: int | None = None, activation: str | None = None) -> Signature:
    return Signature.model_validate(
        {
            "name": "m",
            "version": "1",
            "formats": [],
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}],
            "outputs": [
                {"name": f"y{i}", "datatype": "FP32", "shape": [-1, classes or 2]} for i in range(outputs)
            ],
            "labels": None if classes is None else [f"l{i}" for i in range(classes)],
            "activation": activation,
            "image": None,
        }
    )


def predict(outputs: dict, given: Signature) -> list[Prediction]:
    return BatchOutputs(outputs, given).predictions(0, len(next(iter(outputs.values()))))


def test_scores_without_an_activation_are_returned_unchanged():
    (prediction,) = predict({"y0": np.array([[0.25, 0.75]])}, signature(classes=2))

    assert prediction == {
        "label": "l1",
        "score": 0.75,
        "top": [{"label": "l1", "score": 0.75}, {"label": "l0", "score": 0.25}],
    }


def test_a_prediction_lists_at_most_five_labels():
    (prediction,) = predict({"y0": np.arange(9.0)[np.newaxis]}, signature(classes=9))

    assert [top["label"] for top in prediction["top"]] == ["l8", "l7", "l6", "l5", "l4"]


@pytest.mark.parametrize("classes", [3, MAX_SORTED_CLASSES, MAX_SORTED_CLASSES + 1, 1000])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_scores_come_first_and_equal_ones_in_the_order_of_the_classes(classes: int, sign: int):
    scores = np.random.default_rng(classes).integers(0, 4, (3, classes)).astype(np.float32) * sign

    predictions = predict({"y0": scores}, signature(classes=classes))

    for row, prediction in zip(scores.tolist(), predictions, strict=True):
        listed = [(-top["score"], int(top["label"][1:])) for top in prediction["top"]]
        assert listed == sorted(listed)
        assert [-row[index] for _, index in listed] == sorted(-score for score in row)[:5]


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.float32, np.float64])
def test_softmax_is_right_for_logits_of_any_size(dtype: type):
    (prediction,) = predict({"y0": np.array([[6e4, 6e4]], dtype)}, signature(classes=2, activation="softmax"))

    assert [top["score"] for top in prediction["top"]] == [0.5, 0.5]


def test_a_single_output_without_labels_is_a_list_per_sample():
    assert predict({"y0": np.array([[1.0, 2.0], [3.0, 4.0]])}, signature()) == [[1, 2], [3, 4]]


def test_several_outputs_without_labels_are_an_object_per_sample():
    outputs = {"y0": np.array([[1], [2]]), "y1": np.array([[3], [4]])}

    assert predict(outputs, signature(2)) == [{"y0": [1], "y1": [3]}, {"y0": [2], "y1": [4]}]


def test_each_request_of_a_batch_gets_its_own_predictions():
    outputs = BatchOutputs({"y0": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])}, signature())

    assert outputs.predictions(1, 2) == [[3, 4], [5, 6]]
    assert outputs.arrays(0, 1)["y0"].tolist() == [[1, 2]]


def test_a_prediction_that_is_not_finite_fails_only_its_own_request():
    outputs = BatchOutputs(
        {"y0": np.array([[1, 2], [3, np.inf], [np.nan, 6]])}, signature(classes=2, activation="softmax")
    )

    assert outputs.predictions(0, 1)[0]["label"] == "l1"  # type: ignore[call-overload,index]
    with pytest.raises(InvalidInput, match="'y0' for sample 0 is not finite"):
        outputs.predictions(1, 1)
    with pytest.raises(InvalidInput, match="for sample 1"):
        outputs.predictions(0, 2)


def test_an_output_that_is_not_returned_need_not_be_finite():
    outputs = {"y0": np.array([[0.25, 0.75]]), "y1": np.array([[np.nan, np.inf]])}

    assert predict(outputs, signature(2, classes=2))[0]["label"] == "l1"  # type: ignore[call-overload,index]
    with pytest.raises(InvalidInput, match="'y1' for sample 0 is not finite"):
        predict(outputs, signature(2))


def test_a_class_with_a_logit_of_minus_infinity_is_valid():
    logits = np.array([[0.0, -np.inf, 0.0]])

    (prediction,) = predict({"y0": logits}, signature(classes=3, activation="softmax"))

    assert [top["score"] for top in prediction["top"]] == [0.5, 0.5, 0]


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_score_that_is_not_finite_fails_the_request(activation: str | None, value: float):
    scores = np.arange(9.0)[np.newaxis].copy()
    scores[0, 0] = value

    with pytest.raises(InvalidInput, match="'y0' for sample 0 is not finite"):
        predict({"y0": scores}, signature(classes=9, activation=activation))
