"""Texts in and embeddings or labels out, in the real server."""

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from onnx import helper

from tests.app.conftest import write_artifact
from tests.app.process import Process
from tests.app.steps.artifacts import with_steps
from tests.app.text import TEXTS, trained

tokenizers: Any = pytest.importorskip("tokenizers", reason="the library tokenizers is not installed here")
pytestmark = pytest.mark.slow

LENGTH = 16
TABLE = np.random.default_rng(3).normal(size=(200, 4)).astype(np.float32)
"""An embedding for each token: what the model looks up."""


def tokens_of(texts: list[str]) -> list[list[int]]:
    tokenizer = trained()
    tokenizer.enable_truncation(LENGTH)
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def embeddings_of(texts: list[str]) -> list[list[float]]:
    means = np.stack([TABLE[ids].mean(axis=0) for ids in tokens_of(texts)])
    return (means / np.linalg.norm(means, axis=1, keepdims=True)).tolist()


def tokenizer_step(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "tokenizer",
        "length": LENGTH,
        "ids": "ids",
        "mask": "mask",
        "types": None,
        "pad_id": 0,
        "pad_type": 0,
        "pad_side": "right",
        "pad_multiple": 1,
        **changes,
    }


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process], tmp_path_factory: pytest.TempPathFactory) -> Process:
    folder = tmp_path_factory.mktemp("text")
    bare = write_artifact(
        folder / "bare" / "words",
        [
            helper.make_node("Gather", ["table", "ids"], ["found"]),
            # The mask has no part in it: the step after the model leaves the padding out.
            helper.make_node("Cast", ["mask"], ["zeros"], to=1),
            helper.make_node("Sub", ["zeros", "zeros"], ["nothing"]),
            helper.make_node("Unsqueeze", ["nothing", "last"], ["wide"]),
            helper.make_node("Add", ["found", "wide"], ["states"]),
        ],
        {"table": TABLE, "last": np.array([2])},
        {"ids": np.array([[2, 5, 3]]), "mask": np.array([[1, 1, 1]])},
        {"states": [-1, -1, 4]},
        any_length=True,
    )
    request = {"text": TEXTS[:2]}
    path = with_steps(
        bare,
        folder,
        before=tokenizer_step(),
        after=[{"kind": "mean_pooling", "output": "states", "mask": "mask", "normalize": True}],
        files={"tokenizer.json": trained().to_str()},
        request=request,
        predictions=embeddings_of(request["text"]),
    )
    process = start_module(path)
    process.wait_for("/health/ready")
    return process


def ask(server: Process, request: object) -> httpx.Response:
    return httpx.post(f"{server.url}/predict", json=request, timeout=30)


def test_a_text_becomes_its_embedding(server: Process):
    answer = ask(server, {"text": TEXTS[0]})

    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(answer.json()["predictions"], embeddings_of([TEXTS[0]]), rtol=1e-5, atol=1e-6)


def test_texts_of_all_lengths_become_their_own_embeddings(server: Process):
    answer = ask(server, {"text": TEXTS})

    np.testing.assert_allclose(answer.json()["predictions"], embeddings_of(TEXTS), rtol=1e-5, atol=1e-6)


def test_curl_needs_no_header_to_send_a_text(server: Process):
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{server.url}/predict", content=b'{"text": "the cat"}', headers=form)

    np.testing.assert_allclose(answer.json()["predictions"], embeddings_of(["the cat"]), rtol=1e-5, atol=1e-6)


def test_the_largest_request_is_answered(server: Process):
    answer = ask(server, {"text": ["the cat " * 4000] * 32})

    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(
        answer.json()["predictions"], embeddings_of(["the cat " * 4000]) * 32, rtol=1e-5, atol=1e-6
    )


def test_a_request_that_holds_no_text_is_refused_with_what_is_taken(server: Process):
    answer = ask(server, [[1, 2, 3]])

    assert answer.status_code == 400
    assert '{"text": "…"}' in answer.json()["detail"]


def test_a_picture_is_no_text(server: Process):
    answer = httpx.post(f"{server.url}/predict", content=b"", headers={"content-type": "image/png"})

    assert answer.status_code == 415


def test_the_document_describes_the_text_and_its_example_is_answered(server: Process):
    document = httpx.get(f"{server.url}/openapi.json").json()
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]

    assert list(body) == ["application/json"]
    validator = Draft202012Validator(body["application/json"]["schema"])
    example = body["application/json"]["example"]
    for request in (example, {"text": "the cat"}, {"text": ["a", "b"], "text_pair": ["c", "d"]}):
        assert validator.is_valid(request)
        assert ask(server, request).status_code == 200
    for request in ({"texts": "a"}, {"text": 5}, {"text": []}, {"text": ["a"] * 33}):
        assert not validator.is_valid(request)
        assert ask(server, request).status_code in {400, 413}


def test_the_page_asks_for_a_text(server: Process):
    model = httpx.get(f"{server.url}/web/model.json").json()

    assert model["asks"] == "A text, or a list of texts"
    assert model["example"] == {"text": TEXTS[:2]}
    assert [kind for kind in model["media_types"] if kind.startswith("image/")] == []
