"""Output tensors to predictions."""

import numpy as np
import pytest

from app.errors import InvalidInput
from app.serving.predictions import BatchOutputs, Prediction
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


def describe(outputs: dict, given: Signature) -> list[Prediction]:
    return BatchOutputs(outputs, given).predictions(0, len(next(iter(outputs.values()))))


def test_scores_without_an_activation_are_told_as_they_are():
    (prediction,) = describe({"y0": np.array([[0.25, 0.75]])}, signature(classes=2))

    assert prediction == {
        "label": "l1",
        "score": 0.75,
        "top": [{"label": "l1", "score": 0.75}, {"label": "l0", "score": 0.25}],
    }


def test_five_labels_are_told_at_most():
    (prediction,) = describe({"y0": np.arange(9.0)[np.newaxis]}, signature(classes=9))

    assert [top["label"] for top in prediction["top"]] == ["l8", "l7", "l6", "l5", "l4"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_softmax_holds_for_logits_of_any_size(dtype: type):
    (prediction,) = describe(
        {"y0": np.array([[6e4, 6e4]], dtype)}, signature(classes=2, activation="softmax")
    )

    assert [top["score"] for top in prediction["top"]] == [0.5, 0.5]


def test_one_output_without_labels_is_a_list_a_sample():
    assert describe({"y0": np.array([[1.0, 2.0], [3.0, 4.0]])}, signature()) == [[1, 2], [3, 4]]


def test_several_outputs_without_labels_are_an_object_a_sample():
    outputs = {"y0": np.array([[1], [2]]), "y1": np.array([[3], [4]])}

    assert describe(outputs, signature(2)) == [{"y0": [1], "y1": [3]}, {"y0": [2], "y1": [4]}]


def test_each_request_of_a_batch_gets_its_own_answers():
    answers = BatchOutputs({"y0": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])}, signature())

    assert answers.predictions(1, 2) == [[3, 4], [5, 6]]
    assert answers.arrays(0, 1)["y0"].tolist() == [[1, 2]]


def test_an_answer_that_json_cannot_carry_is_its_own_requests_problem_alone():
    answers = BatchOutputs(
        {"y0": np.array([[1, 2], [3, np.inf], [np.nan, 6]])}, signature(classes=2, activation="softmax")
    )

    assert answers.predictions(0, 1)[0]["label"] == "l1"  # type: ignore[call-overload,index]
    with pytest.raises(InvalidInput, match="'y0' for sample 0 is not finite"):
        answers.predictions(1, 1)
    with pytest.raises(InvalidInput, match="for sample 1"):
        answers.predictions(0, 2)


def test_an_output_that_is_not_told_need_not_be_finite():
    outputs = {"y0": np.array([[0.25, 0.75]]), "y1": np.array([[np.nan, np.inf]])}

    assert describe(outputs, signature(2, classes=2))[0]["label"] == "l1"  # type: ignore[call-overload,index]
    with pytest.raises(InvalidInput, match="'y1' for sample 0 is not finite"):
        describe(outputs, signature(2))


def test_a_class_that_the_model_rules_out_is_no_fault():
    logits = np.array([[0.0, -np.inf, 0.0]])

    (prediction,) = describe({"y0": logits}, signature(classes=3, activation="softmax"))

    assert [top["score"] for top in prediction["top"]] == [0.5, 0.5, 0]


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_score_that_cannot_be_told_or_ranked_is_the_samples_fault(activation: str | None, value: float):
    scores = np.arange(9.0)[np.newaxis].copy()
    scores[0, 0] = value

    with pytest.raises(InvalidInput, match="'y0' for sample 0 is not finite"):
        describe({"y0": scores}, signature(classes=9, activation=activation))
