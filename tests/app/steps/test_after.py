"""The ready-made steps after the model, compared with other implementations of the same."""

from typing import Any

import numpy as np
import onnxruntime as ort
import orjson
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from app.signature import ArtifactError
from app.step_descriptions import BoxesStep, MeanPoolingStep, ThresholdStep
from app.steps.boxes import BoxSelection, corners
from app.steps.pooling import MeanPooling
from app.steps.threshold import Threshold
from tests.app.steps.signatures import signature

RANDOM = np.random.default_rng(5)
TOKENS = signature({"mask": ("INT64", [-1, -1])}, {"states": ("FP32", [-1, -1, 4])})


def pooling(**changes: Any) -> MeanPooling:
    step = {"kind": "mean_pooling", "output": "states", "mask": "mask", "normalize": False, **changes}
    return MeanPooling.of(MeanPoolingStep.model_validate(step), TOKENS)


def test_the_mean_leaves_the_padding_out():
    states = RANDOM.normal(size=(2, 5, 4)).astype(np.float32)
    mask = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1]])
    pooled = pooling().pooled({"mask": mask}, {"states": states, "other": states})

    assert list(pooled) == ["states"]
    np.testing.assert_allclose(
        pooled["states"], [states[0, :3].mean(axis=0), states[1, 2:].mean(axis=0)], rtol=1e-5
    )


def test_a_normalized_mean_has_the_length_1_and_zeros_stay_zeros():
    states = RANDOM.normal(size=(2, 5, 4)).astype(np.float32)
    states[1] = 0
    pooled = pooling(normalize=True).pooled({"mask": np.ones((2, 5), np.int64)}, {"states": states})["states"]

    np.testing.assert_allclose(np.linalg.norm(pooled, axis=1), [1, 0], rtol=1e-6)


def test_a_text_without_tokens_has_a_finite_mean():
    pooled = pooling().pooled(
        {"mask": np.zeros((1, 5), np.int64)}, {"states": np.ones((1, 5, 4), np.float32)}
    )

    assert np.isfinite(pooled["states"]).all()


@pytest.mark.parametrize("changes", [{"output": "mask"}, {"mask": "states"}])
def test_pooling_of_other_tensors_is_not_served(changes: dict[str, str]):
    with pytest.raises(ArtifactError, match="mean_pooling needs an"):
        pooling(**changes)


LABELS = ("a", "b", "c")
SCORES = signature({"x": ("FP32", [-1, 1])}, {"scores": ("FP32", [-1, 3])}, labels=LABELS)


def labelled(minimum: float, activation: str | None, scores: NDArray[Any]) -> Any:
    step = {"kind": "threshold", "minimum": minimum, "activation": activation}
    threshold = Threshold.of(ThresholdStep.model_validate(step), SCORES)
    return orjson.loads(threshold.finish({"scores": scores}))


def test_all_labels_above_the_threshold_are_listed_the_best_first():
    found = labelled(0.5, None, np.array([[0.5, 0.4, 0.9], [0, 0, 0]]))

    assert found == [[{"label": "c", "score": 0.9}, {"label": "a", "score": 0.5}], []]


def test_logits_become_scores_by_the_logistic_function_without_an_overflow():
    ((first, second),) = labelled(0.25, "sigmoid", np.array([[-1000, 1000, 0]], np.float32))

    assert (first, second) == ({"label": "b", "score": 1}, {"label": "c", "score": 0.5})


def suppressed_by_onnx(boxes: NDArray[Any], scores: NDArray[Any], step: BoxesStep) -> list[tuple[int, int]]:
    """Return class and box of what ONNX Runtime's own operator keeps.

    https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html
    """
    names = ["boxes", "scores", "most", "overlap", "minimum"]
    kinds = [TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT, TensorProto.FLOAT]
    shapes: list[list[Any]] = [[1, None, 4], [1, None, None], [1], [1], [1]]
    graph = helper.make_graph(
        [
            helper.make_node(
                "NonMaxSuppression", names, ["kept"], center_point_box=int(step.box_format == "cxcywh")
            )
        ],
        "graph",
        [helper.make_tensor_value_info(*value) for value in zip(names, kinds, shapes, strict=True)],
        [helper.make_tensor_value_info("kept", TensorProto.INT64, [None, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    given = {
        "boxes": boxes,
        "scores": scores.transpose(0, 2, 1),
        "most": np.array([10_000]),
        "overlap": np.array([step.overlap], np.float32),
        "minimum": np.array([step.minimum], np.float32),
    }
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [(int(number), int(index)) for _, number, index in session.run(None, given)[0]]


@pytest.mark.parametrize("box_format", ["xyxy", "cxcywh"])
@pytest.mark.parametrize("layout", ["boxes_first", "classes_first"])
@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.7])
def test_the_boxes_are_those_that_onnx_runtime_keeps(box_format: str, layout: str, overlap: float):
    count, classes = 200, 3
    places = RANDOM.uniform(0, 50, size=(1, count, 2))
    sizes = RANDOM.uniform(5, 20, size=(1, count, 2))
    boxes = np.concatenate([places, places + sizes if box_format == "xyxy" else sizes], axis=2).astype(
        np.float32
    )
    scores = RANDOM.uniform(0, 1, size=(1, count, classes)).astype(np.float32)
    step = BoxesStep.model_validate(
        {
            "kind": "non_maximum_suppression",
            "boxes": "boxes",
            "scores": "scores",
            "scores_layout": layout,
            "box_format": box_format,
            "minimum": 0.3,
            "overlap": overlap,
            "most": 10_000,
        }
    )
    shape = [-1, count, classes] if layout == "boxes_first" else [-1, classes, count]
    described = signature(
        {"x": ("FP32", [-1, 1])}, {"boxes": ("FP32", [-1, count, 4]), "scores": ("FP32", shape)}
    )
    given = scores if layout == "boxes_first" else scores.transpose(0, 2, 1)
    (found,) = orjson.loads(BoxSelection.of(step, described).finish({"boxes": boxes, "scores": given}))

    kept = suppressed_by_onnx(boxes, scores, step)
    places_of = boxes if box_format == "xyxy" else corners(boxes)
    assert {(item["label"], *item["box"]) for item in found} == {
        (number, *map(float, places_of[0, index])) for number, index in kept
    }
    assert len(found) == len(kept)
    assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)


def test_at_most_so_many_boxes_are_listed_with_their_labels():
    step = BoxesStep(
        kind="non_maximum_suppression",
        boxes="boxes",
        scores="scores",
        scores_layout="boxes_first",
        box_format="xyxy",
        minimum=0.1,
        overlap=0.5,
        most=2,
    )
    described = signature(
        {"x": ("FP32", [-1, 1])},
        {"boxes": ("FP32", [-1, -1, 4]), "scores": ("FP32", [-1, -1, 2])},
    )
    boxes = np.array([[[0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]]], np.float32)
    scores = np.array([[[0.5, 0], [0, 0.75], [0.25, 0]]], np.float32)
    (found,) = orjson.loads(
        BoxSelection(step=step, labels=("cat", "dog")).finish({"boxes": boxes, "scores": scores})
    )

    assert BoxSelection.of(step, described)
    assert found == [
        {"label": "dog", "score": 0.75, "box": [5, 5, 6, 6]},
        {"label": "cat", "score": 0.5, "box": [0, 0, 1, 1]},
    ]
