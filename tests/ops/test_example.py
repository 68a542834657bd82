"""The smoke test of a model with steps: its example, and the predictions of the export."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.errors import OperationError
from ops.example import Example
from ops.request import requests_of
from ops.smoke import smoke
from tests.ops.conftest import Artifact, Service

REQUEST = {"text": ["the cat", "a dog"]}
PREDICTIONS = [[0.1, 0.2], [0.3, 0.4]]


def with_example(artifact: Path, request: Any = REQUEST) -> Path:
    (artifact / "steps").mkdir()
    content = {"request": request, "predictions": PREDICTIONS}
    (artifact / "steps" / "example.json").write_text(json.dumps(content))
    return artifact


def answer(predictions: Any) -> dict[str, Any]:
    return {"model_name": "tiny", "model_version": "0123456789ab", "predictions": predictions}


def test_the_example_is_sent_and_its_predictions_are_returned(service: Service, artifact: Artifact):
    service.answer = answer([[0.1, 0.2], [0.3, 0.40001]])

    assert smoke(service.url, with_example(artifact())) == service.answer["predictions"]

    ((path, kind, body),) = service.requests
    assert (path, kind, json.loads(body)) == ("/predict", "application/json", REQUEST)


def test_other_predictions_than_at_export_fail_with_their_place(service: Service, artifact: Artifact):
    service.answer = answer([[0.1, 0.2], [0.3, 0.5]])

    with pytest.raises(OperationError, match=r"predictions\[1\]\[1\] is 0\.5; at export it was 0\.4"):
        smoke(service.url, with_example(artifact()))


def test_where_no_step_reads_the_body_the_sample_is_sent(service: Service, artifact: Artifact):
    service.answer = answer(PREDICTIONS)

    smoke(service.url, with_example(artifact(), request=None))

    ((_, _, body),) = service.requests
    assert json.loads(body) == [[1.0, 2.0]]


def test_only_the_open_inference_protocol_takes_tensors_where_a_step_reads_the_body(artifact: Artifact):
    titles = [request.title for request in requests_of(with_example(artifact()))]

    assert titles == ["JSON", "Open Inference Protocol"]


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        (1, 1.0, True),
        (1.005, 1.0, True),
        (1.02, 1.0, False),
        (0.0005, 0.0, True),
        ("a", "a", True),
        ("a", "b", False),
        (True, 1, False),
        (None, None, True),
        ([], [], True),
        ([], {}, False),
        ([1], [1, 2], False),
        ([1, 2], [1], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}]}, True),
    ],
)
def test_numbers_may_differ_by_rounding_and_all_else_must_be_equal(found: Any, expected: Any, same: bool):
    assert (Example(request=None, predictions=expected).difference(found) is None) is same
