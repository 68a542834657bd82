"""A model with the user's own code before and after it, in the real server."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.artifact import Artifact
from app.signature import ArtifactError
from app.steps import load
from tests.app.process import Process
from tests.app.steps.artifacts import with_steps

HOOKS = '''
import time

import numpy as np


def preprocess(request):
    """Take {"values": [six numbers, ...]}."""
    values = request["values"]
    if request.get("fail") == "wrong shape":
        return {"x": np.zeros((1, 3))}
    if request.get("fail") == "wrong type":
        return [values]
    if request.get("fail") == "error":
        raise RuntimeError("the hook is broken")
    time.sleep(request.get("sleep", 0))
    if len(values) % 6:
        raise ValueError(f"values must be a multiple of 6 numbers, not {len(values)}")
    return {"x": np.array(values, np.float64).reshape(-1, 2, 3)}


def postprocess(tensors):
    logits = tensors["logits"]
    if logits[0, 1] == -1:
        return object()
    if logits[0, 1] == -2:
        raise ValueError("no class fits")
    time.sleep(max(0, float(logits[0, 1]) - 1000))
    return [{"best": int(row.argmax()), "scores": row} for row in logits]
'''
EXAMPLE = {"values": [0, 0, 0, 1, 1, 1]}
ANSWER = [{"best": 2, "scores": [0, 3, 6]}]
BEFORE, AFTER = {"kind": "hooks"}, [{"kind": "hooks"}]


def hooked(tiny: Path, folder: Path, hooks: str = HOOKS, **changes: Any) -> Path:
    steps: dict[str, Any] = {
        "before": BEFORE,
        "after": AFTER,
        "request": EXAMPLE,
        "predictions": ANSWER,
        **changes,
    }
    return with_steps(tiny, folder, files={"hooks.py": hooks}, **steps)


@pytest.fixture(scope="module")
def server(
    start_module: Callable[..., Process], tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Process:
    process = start_module(hooked(tiny, tmp_path_factory.mktemp("hooked")), threads=2)
    process.wait_for("/health/ready")
    return process


def ask(server: Process, request: object, **headers: str) -> httpx.Response:
    return httpx.post(f"{server.url}/predict", json=request, headers=headers, timeout=30)


pytestmark = pytest.mark.slow


def test_the_request_goes_through_both_functions(server: Process):
    answer = ask(server, EXAMPLE)

    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == ANSWER
    assert answer.json()["model_name"] == "tiny"


def test_a_request_may_hold_several_samples(server: Process):
    answer = ask(server, {"values": [0] * 6 + [1] * 6})

    assert [prediction["scores"] for prediction in answer.json()["predictions"]] == [[0, 0, 0], [0, 6, 12]]


def test_concurrent_requests_get_their_own_answers(server: Process):
    answers: dict[int, Any] = {}

    def one(number: int) -> None:
        answers[number] = ask(server, {"values": [number] * 6 * (1 + number % 3)}).json()["predictions"]

    threads = [threading.Thread(target=one, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number, predictions in answers.items():
        scores = [prediction["scores"] for prediction in predictions]
        assert scores == [[0, 6 * number, 12 * number]] * (1 + number % 3)


@pytest.mark.parametrize(
    ("values", "told"),
    [([1], "values must be a multiple of 6 numbers, not 1"), ([-2 / 6] * 6, "no class fits")],
)
def test_a_value_error_is_told_to_the_client_with_422(server: Process, values: list[float], told: str):
    answer = ask(server, {"values": values})

    assert (answer.status_code, answer.json()["detail"]) == (422, told)


@pytest.mark.parametrize(
    ("request_", "function", "logged"),
    [
        ({"values": EXAMPLE["values"], "fail": "error"}, "preprocess", "RuntimeError: the hook is broken"),
        ({}, "preprocess", "KeyError: 'values'"),
        (
            {"values": EXAMPLE["values"], "fail": "wrong shape"},
            "preprocess",
            "'x' is float64 [1, 3]; the signature says FP32 [-1, 2, 3]",
        ),
        (
            {"values": EXAMPLE["values"], "fail": "wrong type"},
            "preprocess",
            "returned no inputs of the model: list; it must be a dict of the arrays x",
        ),
        ({"values": [-1 / 6] * 6}, "postprocess", "Type is not JSON serializable: object"),
    ],
)
def test_any_other_fault_of_the_code_is_500_and_in_the_log(
    server: Process, request_: object, function: str, logged: str
):
    answer = ask(server, request_)

    assert answer.status_code == 500
    assert answer.json()["detail"] == f"{function}() of this model failed; the server's log says why"
    lines = [f"{line['message']} {line.get('exc_info', '')}" for line in server.logged()]
    assert any(logged in line for line in lines)
    assert ask(server, EXAMPLE).status_code == 200


def test_a_request_that_is_no_json_is_refused_before_the_code_sees_it(server: Process):
    answer = httpx.post(f"{server.url}/predict", content=b"{", headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert "not JSON" in answer.json()["detail"]


def test_tensors_are_taken_by_the_open_inference_protocol_alone(server: Process):
    tensor = {"name": "x", "shape": [1, 2, 3], "datatype": "FP32", "data": [0, 0, 0, 1, 1, 1]}
    answer = httpx.post(f"{server.url}/v2/models/tiny/infer", json={"inputs": [tensor]})

    assert answer.json()["outputs"][0]["data"] == [0, 3, 6]


@pytest.mark.parametrize("slow", ["preprocess", "postprocess"])
def test_the_deadline_holds_for_slow_code_while_health_is_answered(server: Process, slow: str):
    values = [0.0] * 6 if slow == "preprocess" else [1002 / 6] * 6
    request = {"values": values, "sleep": 2 if slow == "preprocess" else 0}
    start = time.monotonic()
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(ask(server, request, **{"x-envoy-expected-rq-timeout-ms": "300"}))
    )
    asking.start()
    time.sleep(0.1)
    health = httpx.get(f"{server.url}/health/ready", timeout=1)
    asking.join()

    assert health.status_code == 200
    assert answers[0].status_code == 504
    assert time.monotonic() - start < 1.9


def test_too_many_samples_are_refused(server: Process):
    answer = ask(server, {"values": [0] * 6 * 33})

    assert answer.status_code == 413
    assert "33 samples in one request; at most 32" in answer.json()["detail"]


def test_a_changed_file_is_not_served(tiny: Path, tmp_path: Path):
    path = hooked(tiny, tmp_path)
    (path / "steps" / "hooks.py").write_text(HOOKS + "\n# changed\n")

    with pytest.raises(ArtifactError, match=r"hooks\.py is not the file that was exported"):
        load(path, Artifact.read(path).signature)


@pytest.mark.parametrize(
    ("hooks", "told"),
    [
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'; packages that it imports"),
        ("def preprocess(request): ...", "defines no function postprocess"),
        ("x = 1", "defines no function preprocess or postprocess"),
    ],
)
def test_a_file_that_cannot_be_used_is_not_served(tiny: Path, tmp_path: Path, hooks: str, told: str):
    path = hooked(tiny, tmp_path, hooks)

    with pytest.raises(ArtifactError, match=told):
        load(path, Artifact.read(path).signature)


def test_an_artifact_whose_example_is_answered_otherwise_does_not_become_ready(
    start: Callable[..., Process], tiny: Path, tmp_path: Path
):
    process = start(hooked(tiny, tmp_path, predictions=[{"best": 1, "scores": [0, 3, 6]}]))

    assert process.exit_code() == 1
    assert "predictions[0].best is 2; at export it was 1" in process.log.read_text()
