"""The endpoints: /predict, health, and errors."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import numpy as np
import pytest

from app.http.api import create_app
from app.serving import model
from app.serving.service import Service
from tests.app.conftest import settings_of
from tests.app.http.checks import check_problem

SAMPLE = b"[[0, 0.1, 0.2], [0.3, 0.4, 0.5]]"


def test_a_sample_is_answered_with_the_best_labels_and_their_scores(tiny: Path, client_of: Callable):
    response = client_of(tiny).predict(SAMPLE)

    assert response.status_code == 200
    logits = np.array([0, 1.5, 3])
    scores = np.exp(logits) / np.exp(logits).sum()
    content = response.json()
    (prediction,) = content["predictions"]
    assert (content["model_name"], content["model_version"]) == ("tiny", "0123456789ab")
    assert prediction["label"] == "twice"
    assert prediction["score"] == pytest.approx(scores[2])
    assert [top["label"] for top in prediction["top"]] == ["twice", "once", "none"]
    assert [top["score"] for top in prediction["top"]] == pytest.approx(scores[::-1])


def test_the_predictions_of_a_batch_are_in_the_order_of_its_samples(tiny: Path, client_of: Callable):
    content = client_of(tiny).predict(b"[[1,1,1,1,1,1],[-1,-1,-1,-1,-1,-1]]").json()

    assert [prediction["label"] for prediction in content["predictions"]] == ["twice", "none"]


def test_outputs_without_labels_are_returned_as_lists_by_name(lookup: Path, client_of: Callable):
    content = client_of(lookup).predict(b'{"rows": [[0, 3], [1, 1]], "value": [[1], [2]]}').json()

    assert content["predictions"] == [
        {"found": [[0, 1], [6, 7]], "doubled": [2]},
        {"found": [[2, 3], [2, 3]], "doubled": [4]},
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_accepted_as_input(colours: Path, client_of: Callable, picture: Callable, kind: str):
    response = client_of(colours).predict(picture((0, 255, 0), kind), f"image/{kind.lower()}")

    assert response.json()["predictions"][0]["label"] == "green"


def test_values_that_the_model_cannot_compute_are_a_client_error(lookup: Path, client_of: Callable):
    response = client_of(lookup).predict(b'{"rows": [99, 0], "value": [1]}')

    assert "index" in check_problem(response, 400)["detail"]


def test_an_output_that_is_not_finite_is_a_client_error(tiny: Path, client_of: Callable):
    content = check_problem(client_of(tiny).predict(b"[[0,0,0,0,0,0],[3e38,3e38,0,0,0,0]]"), 400)

    assert "sample 1 is not finite" in content["detail"]


def test_a_wrong_shape_is_refused_with_the_tensor_and_its_expected_shape(tiny: Path, client_of: Callable):
    content = check_problem(client_of(tiny).predict(b"[1,2]"), 400)

    assert content["tensor"] == "x"
    assert content["expected"] == {"datatype": "FP32", "shape": [-1, 2, 3]}


def test_more_samples_than_the_batch_size_are_refused(tiny: Path, client_of: Callable):
    client = client_of(tiny, batch_size=2)

    assert client.predict(json.dumps([[0] * 6] * 2).encode()).status_code == 200
    check_problem(client.predict(json.dumps([[0] * 6] * 3).encode()), 413)


def test_a_request_with_too_many_samples_is_refused_with_the_limit(tiny: Path, client_of: Callable):
    client = client_of(tiny, batch_size=2)

    assert client.predict(b"[[0,0,0,0,0,0],[0,0,0,0,0,0]]").status_code == 200
    content = check_problem(client.predict(b"[[0,0,0,0,0,0],[0,0,0,0,0,0],[0,0,0,0,0,0]]"), 413)
    assert "3 samples in one request; at most 2" in content["detail"]


def test_instances_are_accepted_as_a_batch(tiny: Path, lookup: Path, client_of: Callable):
    client = client_of(tiny)

    assert client.predict(b'{"instances": [[1,1,1,1,1,1],[[0,0,0],[0,0,0]]]}').status_code == 400
    content = client.predict(b'{"instances": [[1,1,1,1,1,1],[-1,-1,-1,-1,-1,-1]]}').json()
    assert [prediction["label"] for prediction in content["predictions"]] == ["twice", "none"]
    content = (
        client_of(lookup)
        .predict(b'{"instances": [{"rows": [0, 3], "value": [1]}, {"rows": [1, 1], "value": [2]}]}')
        .json()
    )
    assert [prediction["doubled"] for prediction in content["predictions"]] == [[2], [4]]


def test_bodies_of_tensorflow_serving_clients_are_accepted(tiny: Path, lookup: Path, client_of: Callable):
    signature = b'"signature_name": "serving_default"'
    client = client_of(tiny)
    expected = client.predict(b"[[1,1,1,1,1,1],[0,0,0,0,0,0]]").json()

    for instances in (
        b"[[1,1,1,1,1,1],[0,0,0,0,0,0]]",
        b'[{"x": [1,1,1,1,1,1]},{"x": [0,0,0,0,0,0]}]',
        b'[{"x": [[1,1,1],[1,1,1]]},{"x": [[0,0,0],[0,0,0]]}]',
    ):
        assert client.predict(b'{%b, "instances": %b}' % (signature, instances)).json() == expected
    assert client.predict(b'{"x": [[1,1,1,1,1,1],[0,0,0,0,0,0]]}').json() == expected
    body = b'{%b, "instances": [{"rows": [0, 3], "value": [1]}]}' % signature
    assert client_of(lookup).predict(body).json()["predictions"][0]["doubled"] == [2]


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": [[0,0,0,0,0,0]]}',
        b'{"image": [0,0,0,0,0,0]}',
        b"{}",
        b'{"signature_name": "serving_default"}',
        b'{"instances": [[0,0,0,0,0,0]], "more": 1}',
    ],
)
def test_an_object_without_the_inputs_is_refused_with_the_format_of_a_batch(
    tiny: Path, client_of: Callable, body: bytes
):
    detail = check_problem(client_of(tiny).predict(body), 400)["detail"]

    assert "'x' is missing" in detail or "its inputs are x" in detail
    assert '{"instances": [...]}' in detail


def test_another_signature_name_is_refused(tiny: Path, client_of: Callable):
    body = b'{"signature_name": "regress", "instances": [[0,0,0,0,0,0]]}'

    assert "'serving_default'" in check_problem(client_of(tiny).predict(body), 400)["detail"]


@pytest.mark.parametrize("body", [b'{"instances": []}', b'{"instances": 5}', b'{"instances": [1,2,3,4,5,6]}'])
def test_instances_that_are_not_valid_samples_are_refused(tiny: Path, client_of: Callable, body: bytes):
    check_problem(client_of(tiny).predict(body), 400)


def test_an_unknown_path_and_a_wrong_method_get_problem_details(tiny: Path, client_of: Callable):
    client = client_of(tiny)

    check_problem(client.get("/nowhere"), 404)
    response = client.get("/predict")
    check_problem(response, 405)
    assert response.headers["allow"] == "OPTIONS, POST"


def test_an_unexpected_error_is_logged_but_not_shown_to_the_client(
    tiny: Path, serve: Callable[..., Service], client_of: Callable, caplog: pytest.LogCaptureFixture
):
    client = client_of(tiny)
    service = serve(tiny)

    def fail(_: object) -> object:
        raise RuntimeError("secret")

    service.default_model.batcher._run = fail  # type: ignore[assignment]
    client.app = create_app(service)

    response = client.predict(SAMPLE)

    check_problem(response, 500)
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert "secret" in str(record.exc_info[1])


def test_the_server_is_live_but_not_ready_while_the_model_loads(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    may_load = Event()
    load = model.Model.load

    def load_later(*arguments: Any) -> model.Model:
        assert may_load.wait(10)
        return load(*arguments)

    monkeypatch.setattr(model.Model, "load", load_later)

    async def scenario() -> None:
        service = Service(settings_of(model_path=tiny))
        transport = httpx.ASGITransport(create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            loading = asyncio.create_task(service.load())
            assert (await client.get("/health/live")).json() == {"status": "loading", "model": "tiny"}
            for path in ("/health", "/health/ready"):
                assert "loading" in check_problem(await client.get(path), 503)["detail"]
            response = await client.post("/predict", content=SAMPLE)
            check_problem(response, 503)
            assert response.headers["retry-after"] == "1"
            may_load.set()
            await loading
            for path in ("/health", "/health/ready", "/health/live"):
                response = await client.get(path)
                assert response.status_code == 200
                assert response.json() == {"status": "ready", "model": "tiny", "device": "cpu"}
        service.close()

    asyncio.run(scenario())


def test_a_draining_server_still_answers_requests_but_is_not_ready(
    tiny: Path, serve: Callable, client_of: Callable
):
    client = client_of(tiny)
    service = serve(tiny)
    client.app = create_app(service)

    service.drain()

    for path in ("/health", "/health/ready"):
        assert "draining" in check_problem(client.get(path), 503)["detail"]
    assert client.get("/health/live").status_code == 200
    assert client.predict(SAMPLE).status_code == 200
