"""The steps that the export describes and computes are those that the server reads and computes."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import orjson
import pytest

from app.signature import Signature
from app.step_descriptions import StepDescriptions as Served
from app.step_example import ATOL, RTOL
from app.steps.boxes import BoxSelection
from app.steps.pooling import MeanPooling
from app.steps.table import Table as ServedTable
from app.steps.threshold import Threshold
from model.steps import after
from model.steps.description import (
    BoxesStep,
    Column,
    HooksStep,
    MeanPoolingStep,
    StepDescriptions,
    TableStep,
    ThresholdStep,
    TokenizerStep,
    TopKStep,
)
from model.steps.table import Table
from ops import example
from tests.app.steps.signatures import signature

RANDOM = np.random.default_rng(11)
TOKENIZER = TokenizerStep(
    length=8,
    ids="ids",
    mask="mask",
    types=None,
    pad_id=0,
    pad_type=0,
    pad_side="right",
    pad_multiple=1,
)
COLUMNS = (Column(name="age", input="x"), Column(name="city", input="x", categories=("Rome", "Oslo")))
LABELS = ("a", "b", "c")


def served(description: StepDescriptions) -> Served:
    return Served.model_validate_json(json.dumps(asdict(description)))


@pytest.mark.parametrize("before", [None, HooksStep(), TOKENIZER, TableStep(columns=COLUMNS)])
@pytest.mark.parametrize(
    "last",
    [
        HooksStep(),
        MeanPoolingStep(output="y", mask="mask", normalize=True),
        TopKStep(k=3),
        ThresholdStep(minimum=0.5, activation=None),
        BoxesStep(boxes="b", scores="s"),
    ],
)
def test_what_the_export_describes_the_server_reads_back_whole(before: Any, last: Any):
    description = StepDescriptions(before=before, after=(last,), files={"hooks.py": "ab"})

    assert json.loads(served(description).model_dump_json()) == json.loads(json.dumps(asdict(description)))


def step_of(step: Any) -> Any:
    """Return a step after the model as the server reads it."""
    return served(StepDescriptions(after=(step,))).after[0]


@pytest.mark.parametrize("normalize", [True, False])
def test_both_pool_alike(normalize: bool):
    step = MeanPoolingStep(output="y", mask="mask", normalize=normalize)
    inputs = {"mask": np.array([[1, 1, 1, 0], [0, 1, 1, 1]])}
    outputs = {"y": RANDOM.normal(size=(2, 4, 5)).astype(np.float32)}
    described = signature({"mask": ("INT64", [-1, -1])}, {"y": ("FP32", [-1, -1, 5])})
    pooled = MeanPooling.of(step_of(step), described).pooled(inputs, outputs)

    np.testing.assert_allclose(pooled["y"], after.pooled(step, inputs, outputs)["y"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_both_find_the_same_labels_above_a_threshold(activation: Any):
    step = ThresholdStep(minimum=0.4, activation=activation)
    scores = RANDOM.normal(size=(6, 3)).astype(np.float32)
    described = signature({"x": ("FP32", [-1, 1])}, {"y": ("FP32", [-1, 3])}, labels=LABELS)
    found = orjson.loads(Threshold.of(step_of(step), described).finish({"y": scores}))

    assert (
        example.Example(request=None, predictions=after.above(step, scores, LABELS)).difference(found) is None
    )
    assert [] in found or any(found)


@pytest.mark.parametrize("layout", ["boxes_first", "classes_first"])
@pytest.mark.parametrize("box_format", ["xyxy", "cxcywh"])
def test_both_keep_the_same_boxes(layout: Any, box_format: Any):
    step = BoxesStep(boxes="b", scores="s", scores_layout=layout, box_format=box_format, overlap=0.3, most=20)
    places = RANDOM.uniform(0, 30, size=(2, 60, 2))
    sizes = RANDOM.uniform(5, 15, size=(2, 60, 2))
    second = places + sizes if box_format == "xyxy" else sizes
    shape = (2, 60, 3) if layout == "boxes_first" else (2, 3, 60)
    outputs = {
        "b": np.concatenate([places, second], axis=2).astype(np.float32),
        "s": RANDOM.uniform(size=shape).astype(np.float32),
    }
    described = signature(
        {"x": ("FP32", [-1, 1])}, {"b": ("FP32", [-1, 60, 4]), "s": ("FP32", [-1, *shape[1:]])}
    )
    found = orjson.loads(BoxSelection.of(step_of(step), described).finish(outputs))

    expected = json.loads(json.dumps(after.boxes(step, outputs, None)))
    assert example.Example(request=None, predictions=expected).difference(found) is None
    assert sum(map(len, found)) > 10


def test_both_read_the_same_rows_alike():
    description = StepDescriptions(before=TableStep(columns=COLUMNS))
    step = served(description).before
    request = {"rows": [{"age": 5, "city": "Oslo"}, {"age": None, "city": "Rome"}, {"age": 2.5}]}
    described = signature({"x": ("FP32", [-1, 2])}, {"y": ("FP32", [-1, 1])})
    tensors = ServedTable.of(step, described).tensors(request, 32)  # pyright: ignore[reportArgumentType] - a table

    np.testing.assert_array_equal(tensors["x"], Table(step=TableStep(columns=COLUMNS)).tensors(request)["x"])


def test_the_smoke_test_allows_what_the_server_allows():
    assert (example.RELATIVE, example.ABSOLUTE) == (RTOL, ATOL)


def test_a_key_that_the_server_does_not_know_is_refused_and_not_ignored():
    content: dict[str, Any] = asdict(StepDescriptions(after=(TopKStep(k=3),)))
    content["after"][0]["minimum"] = 1

    with pytest.raises(ValueError, match="minimum"):
        Served.model_validate(content)


def test_a_signature_of_before_there_were_steps_has_none():
    assert isinstance(described := signature({"x": ("FP32", [-1, 1])}, {"y": ("FP32", [-1, 1])}), Signature)
    assert described.steps is None
