"""The client's fault is never a 500, for that spends the service's error budget and pages somebody."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from app.http.api import create_app
from app.runtimes import ShapeRefused
from app.serving.service import Service
from tests.app.conftest import DATATYPES, Client, write_artifact
from tests.app.open_inference import infer, refused


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two inputs of any length, the same for both and a multiple of four: their sum in rows."""
    ones = np.ones((1, 4), np.float32)
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "sums",
        [
            helper.make_node("Add", ["a", "b"], ["sum"]),
            helper.make_node("Reshape", ["sum", "shape"], ["rows"]),
        ],
        {"shape": np.array([0, -1, 4])},
        {"a": ones, "b": ones},
        {"rows": [-1, -1, 4]},
        any_length=True,
    )


def lengths(a: int, b: int) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": name, "shape": [1, length], "datatype": "FP32", "data": [0] * length}
            for name, length in (("a", a), ("b", b))
        ]
    }


@pytest.mark.parametrize(("a", "b", "words"), [(4, 8, "4 by 8"), (5, 5, "cannot be reshaped")])
def test_the_error_for_lengths_that_the_model_cannot_compute_has_the_message_of_the_runtime(
    sums: Path, serve: Callable[..., Service], a: int, b: int, words: str
):
    service = serve(sums)
    client = Client(create_app(service))

    refused(infer(client, "sums", lengths(a, b)), "cannot compute inputs of these shapes", words)

    assert "/onnxruntime_src" not in infer(client, "sums", lengths(a, b)).text
    assert infer(client, "sums", lengths(8, 8)).status_code == 200
    assert service.state == "ready"


def test_a_broken_runtime_is_not_mistaken_for_a_wrong_shape(sums: Path, serve: Callable[..., Service]):
    service = serve(sums)
    client = Client(create_app(service))

    def broken(*_: object) -> None:
        raise ShapeRefused("CUDA failure 700")

    object.__setattr__(service.default_model._model, "run", broken)
    service.default_model.batcher._run = broken  # type: ignore[assignment]
    infer(client, "sums", lengths(4, 4))
    # Found out by a task beside the answer.
    client.get("/health/live")

    assert service.default_model.self_test_error() is not None


@pytest.mark.parametrize("datatype", ["BOOL", "BYTES", "FP32", "INT64", "UINT8", "FP16"])
@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**400])
def test_an_integer_of_more_than_64_bits_is_refused(client: Client, datatype: str, number: int):
    values: dict[str, Any] = {"BOOL": True, "BYTES": "a"}
    inputs = [
        {"name": name, "shape": [1, 2], "datatype": name, "data": [values.get(name, 1)] * 2}
        for name in DATATYPES.values()
    ]
    wrong = next(tensor for tensor in inputs if tensor["name"] == datatype)
    wrong["data"] = [values.get(datatype, 1), number]

    response = client.request("POST", "/v2/models/echo/infer", content=json.dumps({"inputs": inputs}))

    # A number of 64 bits may be rounded to one of 32, but not to infinity.
    fits = datatype == "FP32" and number != 10**400
    assert response.status_code == (200 if fits else 400), response.text
