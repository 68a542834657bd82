"""The HTTP surface."""

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import numpy as np
import pytest

from app.http.api import create_app
from app.serving import model
from app.serving.service import Service
from app.settings import Settings

SAMPLE = b"[[0, 0.1, 0.2], [0.3, 0.4, 0.5]]"


def problem(response: httpx.Response, status: int) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content = response.json()
    assert content["type"] == "about:blank"
    assert content["status"] == status
    assert content["title"]
    assert content["detail"]
    return content


def test_a_sample_is_answered_with_the_best_labels_and_their_scores(tiny: Path, client_of: Callable):
    response = client_of(tiny).predict(SAMPLE)

    assert response.status_code == 200
    logits = np.array([0, 1.5, 3])
    scores = np.exp(logits) / np.exp(logits).sum()
    answer = response.json()
    (prediction,) = answer["predictions"]
    assert (answer["model_name"], answer["model_version"]) == ("tiny", "0123456789ab")
    assert prediction["label"] == "twice"
    assert prediction["score"] == pytest.approx(scores[2])
    assert [top["label"] for top in prediction["top"]] == ["twice", "once", "none"]
    assert [top["score"] for top in prediction["top"]] == pytest.approx(scores[::-1])


def test_a_batch_is_answered_in_its_order(tiny: Path, client_of: Callable):
    answer = client_of(tiny).predict(b"[[1,1,1,1,1,1],[-1,-1,-1,-1,-1,-1]]").json()

    assert [prediction["label"] for prediction in answer["predictions"]] == ["twice", "none"]


def test_outputs_without_labels_are_lists_by_name(lookup: Path, client_of: Callable):
    answer = client_of(lookup).predict(b'{"rows": [[0, 3], [1, 1]], "value": [[1], [2]]}').json()

    assert answer["predictions"] == [
        {"found": [[0, 1], [6, 7]], "doubled": [2]},
        {"found": [[2, 3], [2, 3]], "doubled": [4]},
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_answered(colours: Path, client_of: Callable, picture: Callable, kind: str):
    response = client_of(colours).predict(picture((0, 255, 0), kind), f"image/{kind.lower()}")

    assert response.json()["predictions"][0]["label"] == "green"


def test_values_that_the_model_cannot_take_are_the_clients_fault(lookup: Path, client_of: Callable):
    response = client_of(lookup).predict(b'{"rows": [99, 0], "value": [1]}')

    assert "index" in problem(response, 400)["detail"]


def test_an_answer_that_is_not_finite_is_the_clients_fault(tiny: Path, client_of: Callable):
    content = problem(client_of(tiny).predict(b"[[0,0,0,0,0,0],[3e38,3e38,0,0,0,0]]"), 400)

    assert "sample 1 is not finite" in content["detail"]


def test_a_wrong_shape_names_the_tensor_and_what_it_takes(tiny: Path, client_of: Callable):
    content = problem(client_of(tiny).predict(b"[1,2]"), 400)

    assert content["tensor"] == "x"
    assert content["expected"] == {"datatype": "FP32", "shape": [-1, 2, 3]}


def test_more_samples_than_the_batch_size_are_refused(tiny: Path, client_of: Callable):
    client = client_of(tiny, batch_size=2)

    assert client.predict(json.dumps([[0] * 6] * 2).encode()).status_code == 200
    problem(client.predict(json.dumps([[0] * 6] * 3).encode()), 413)


def test_a_large_body_is_refused_by_its_declared_length(tiny: Path, client_of: Callable):
    client = client_of(tiny, max_body_bytes=100)

    assert client.predict(SAMPLE + b" " * (100 - len(SAMPLE))).status_code == 200
    assert "100 bytes" in problem(client.predict(SAMPLE + b" " * 100), 413)["detail"]


def test_a_large_body_is_refused_while_it_comes(tiny: Path, client_of: Callable):
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b" " * 50

    problem(client_of(tiny, max_body_bytes=100).predict(endless()), 413)  # pyright: ignore[reportArgumentType]
    assert read == 3


@pytest.mark.parametrize(
    "content_type", ["text/plain", "image/png", "image/gif", "multipart/form-data; boundary=x"]
)
def test_another_content_type_is_refused_with_those_that_are_taken(
    tiny: Path, client_of: Callable, content_type: str
):
    response = client_of(tiny).predict(SAMPLE, content_type)

    problem(response, 415)
    assert response.headers["accept-post"] == "application/json, application/octet-stream"


def test_a_model_of_photographs_tells_that_it_takes_them(colours: Path, client_of: Callable):
    response = client_of(colours).predict(b"x", "image/gif")

    assert response.headers["accept-post"] == (
        "application/json, application/octet-stream, image/jpeg, image/png"
    )


def test_json_is_taken_with_parameters_and_without_a_content_type(tiny: Path, client_of: Callable):
    client = client_of(tiny)

    assert client.predict(SAMPLE, "Application/JSON; charset=utf-8").status_code == 200
    assert client.request("POST", "/predict", content=SAMPLE).status_code == 200


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_body_is_read(tiny: Path, client_of: Callable, coding: str, compress: Callable):
    response = client_of(tiny).predict(compress(SAMPLE), **{"content-encoding": coding})

    assert response.status_code == 200
    assert response.json() == client_of(tiny).predict(SAMPLE).json()


def test_an_unknown_coding_is_refused_with_those_that_are_taken(tiny: Path, client_of: Callable):
    response = client_of(tiny).predict(SAMPLE, **{"content-encoding": "br"})

    problem(response, 415)
    assert response.headers["accept-encoding"] == "gzip, deflate, identity"


def test_a_body_that_is_not_compressed_as_it_says_is_refused(tiny: Path, client_of: Callable):
    client = client_of(tiny)

    assert "not gzip" in problem(client.predict(SAMPLE, **{"content-encoding": "gzip"}), 400)["detail"]
    cut = gzip.compress(SAMPLE)[:-9]
    assert "ends early" in problem(client.predict(cut, **{"content-encoding": "gzip"}), 400)["detail"]


def test_a_small_body_that_unpacks_to_a_huge_one_is_too_large(tiny: Path, client_of: Callable):
    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < 2000

    response = client_of(tiny, max_body_bytes=2000).predict(bomb, **{"content-encoding": "gzip"})

    assert "larger than 2000 bytes" in problem(response, 413)["detail"]


def test_octets_are_answered_as_the_same_values_in_json(tiny: Path, client_of: Callable):
    client = client_of(tiny)
    values = np.arange(12, dtype="<f4").reshape(2, 6)

    response = client.predict(values.tobytes(), "application/octet-stream")

    assert response.status_code == 200
    assert response.json() == client.predict(json.dumps(values.tolist()).encode()).json()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "0 octets"),
        (b"1234567", "7 octets, but a sample has 24"),
        (np.array([0, 0, 0, 0, np.nan, 0], "<f4").tobytes(), "not finite at [0][1][1]"),
    ],
)
def test_octets_that_are_no_samples_are_refused(tiny: Path, client_of: Callable, body: bytes, why: str):
    response = client_of(tiny).predict(body, "application/octet-stream")

    content = problem(response, 400)
    assert why in content["detail"]
    assert content["tensor"] == "x"


def test_more_samples_than_a_request_may_hold_are_too_large(tiny: Path, client_of: Callable):
    client = client_of(tiny, batch_size=2)

    assert client.predict(b"[[0,0,0,0,0,0],[0,0,0,0,0,0]]").status_code == 200
    content = problem(client.predict(b"[[0,0,0,0,0,0],[0,0,0,0,0,0],[0,0,0,0,0,0]]"), 413)
    assert "3 samples in one request; at most 2" in content["detail"]


def test_instances_are_a_batch(tiny: Path, lookup: Path, client_of: Callable):
    client = client_of(tiny)

    assert client.predict(b'{"instances": [[1,1,1,1,1,1],[[0,0,0],[0,0,0]]]}').status_code == 400
    answer = client.predict(b'{"instances": [[1,1,1,1,1,1],[-1,-1,-1,-1,-1,-1]]}').json()
    assert [prediction["label"] for prediction in answer["predictions"]] == ["twice", "none"]
    answer = (
        client_of(lookup)
        .predict(b'{"instances": [{"rows": [0, 3], "value": [1]}, {"rows": [1, 1], "value": [2]}]}')
        .json()
    )
    assert [prediction["doubled"] for prediction in answer["predictions"]] == [[2], [4]]


def test_the_body_of_tensorflow_servings_clients_is_taken(tiny: Path, lookup: Path, client_of: Callable):
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
def test_an_object_that_is_no_input_is_told_how_a_batch_is_sent(tiny: Path, client_of: Callable, body: bytes):
    detail = problem(client_of(tiny).predict(body), 400)["detail"]

    assert "'x' is missing" in detail or "its inputs are x" in detail
    assert '{"instances": [...]}' in detail


@pytest.mark.parametrize("body", [b"GIF89a", b"\x00\x00\x80\x3f", b"x=1&y=2", b"RIFF\x00WEBP", b"\xff\xfe["])
def test_what_does_not_begin_as_json_is_told_to_say_what_it_is(tiny: Path, client_of: Callable, body: bytes):
    answer = client_of(tiny).request("POST", "/predict", content=body)

    assert "content-type" in problem(answer, 400)["detail"]
    assert "content-type" not in problem(client_of(tiny).predict(b"[1,"), 400)["detail"]


def test_another_signature_is_refused(tiny: Path, client_of: Callable):
    body = b'{"signature_name": "regress", "instances": [[0,0,0,0,0,0]]}'

    assert "'serving_default'" in problem(client_of(tiny).predict(body), 400)["detail"]


@pytest.mark.parametrize("body", [b'{"instances": []}', b'{"instances": 5}', b'{"instances": [1,2,3,4,5,6]}'])
def test_instances_that_are_no_samples_are_refused(tiny: Path, client_of: Callable, body: bytes):
    problem(client_of(tiny).predict(body), 400)


def test_an_unknown_path_and_a_wrong_method_are_problems(tiny: Path, client_of: Callable):
    client = client_of(tiny)

    problem(client.get("/nowhere"), 404)
    response = client.get("/predict")
    problem(response, 405)
    assert response.headers["allow"] == "OPTIONS, POST"


def test_a_crash_is_told_to_the_log_and_not_to_the_client(
    tiny: Path, serve: Callable[..., Service], client_of: Callable, caplog: pytest.LogCaptureFixture
):
    client = client_of(tiny)
    service = serve(tiny)

    def explode(_: object) -> object:
        raise RuntimeError("secret")

    service.default_model.batcher._run = explode  # type: ignore[assignment]
    client.app = create_app(service)

    response = client.predict(SAMPLE)

    problem(response, 500)
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert "secret" in str(record.exc_info[1])


def test_the_server_lives_but_is_not_ready_while_the_model_loads(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    go_on = Event()
    real = model.Model.load

    def slow(*arguments: Any) -> model.Model:
        assert go_on.wait(10)
        return real(*arguments)

    monkeypatch.setattr(model.Model, "load", slow)

    async def scenario() -> None:
        service = Service(Settings(model_path=tiny))
        transport = httpx.ASGITransport(create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            loading = asyncio.create_task(service.load())
            assert (await client.get("/health/live")).json() == {"status": "loading", "model": "tiny"}
            for path in ("/health", "/health/ready"):
                assert "loading" in problem(await client.get(path), 503)["detail"]
            early = await client.post("/predict", content=SAMPLE)
            problem(early, 503)
            assert early.headers["retry-after"] == "1"
            go_on.set()
            await loading
            for path in ("/health", "/health/ready", "/health/live"):
                response = await client.get(path)
                assert response.status_code == 200
                assert response.json() == {"status": "ready", "model": "tiny", "device": "cpu"}
        service.close()

    asyncio.run(scenario())


def test_a_draining_server_answers_on_but_is_not_ready(tiny: Path, serve: Callable, client_of: Callable):
    client = client_of(tiny)
    service = serve(tiny)
    client.app = create_app(service)

    service.drain()

    for path in ("/health", "/health/ready"):
        assert "draining" in problem(client.get(path), 503)["detail"]
    assert client.get("/health/live").status_code == 200
    assert client.predict(SAMPLE).status_code == 200


@pytest.mark.parametrize("content_type", ["image/jpg", "image/pjpeg", "Image/JPEG; q=1"])
def test_a_jpeg_may_be_sent_by_other_names_in_use(
    colours: Path, client_of: Callable, picture: Callable, content_type: str
):
    assert client_of(colours).predict(picture((255, 0, 0), "JPEG"), content_type).status_code == 200


@pytest.mark.parametrize(
    ("kind", "content_type", "right"),
    [
        ("JPEG", "image/png", "content-type: image/jpeg"),
        ("PNG", "image/jpeg", "content-type: image/png"),
        ("JPEG", "", "content-type: image/jpeg"),
        ("PNG", "application/json", "content-type: image/png"),
    ],
)
def test_a_picture_by_a_wrong_name_is_told_its_right_one(
    colours: Path, client_of: Callable, picture: Callable, kind: str, content_type: str, right: str
):
    content = problem(client_of(colours).predict(picture((255, 0, 0), kind), content_type), 400)

    assert right in content["detail"]


def test_a_compressed_body_that_does_not_say_so_is_told_how(tiny: Path, client_of: Callable):
    content = problem(client_of(tiny).predict(gzip.compress(SAMPLE)), 400)

    assert "content-encoding: gzip" in content["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", b"[0,0,0,0,0,0]"),
        ("/predict", b"[[[0,0,0],[0,0,0]]]"),
        ("/predict", b'{"instances":[[0,0,0,0,0,0]]}'),
        (
            "/v2/models/tiny/infer",
            b'{"inputs":[{"name":"x","shape":[1,2,3],"datatype":"FP32","data":[0,0,0,0,0,0]}]}',
        ),
    ],
)
def test_a_byte_order_mark_is_ignored_everywhere(tiny: Path, client_of: Callable, path: str, body: bytes):
    # RFC 8259, section 8.1.
    client = client_of(tiny)

    answers = [client.request("POST", path, content=mark + body) for mark in (b"", b"\xef\xbb\xbf")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("coding", ["x-gzip", "gzip, identity"])
def test_gzip_has_other_names(tiny: Path, client_of: Callable, coding: str):
    body = gzip.compress(SAMPLE)

    assert client_of(tiny).predict(body, **{"content-encoding": coding}).status_code == 200
