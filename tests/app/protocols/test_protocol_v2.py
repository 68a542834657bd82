"""The Open Inference Protocol over REST, with its binary tensors.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.http.api import create_app
from app.http.head import RequestHead
from app.protocols.protocol_v2 import ProtocolV2
from app.signature import Signature
from app.tensors import DTYPES
from tests.app.conftest import VERSION, Client
from tests.app.open_inference import (
    ROWS,
    TINY,
    VALUE,
    binary,
    binary_outputs,
    infer,
    outputs,
    packed,
    refused,
)
from tests.app.process import ROOT

VALUES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    **{f"INT{bits}": [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": [0, 2**bits - 1] for bits in (8, 16, 32, 64)},
    "FP16": [-65504.0, 0.5],
    "FP32": [-1.5, float(np.float32(0.1))],
    "FP64": [-1e300, 0.1],
    "BYTES": ["", "snö \u2603"],
}
"""Two of each datatype, at the edge of what it holds."""

ECHO = [{"name": name, "shape": [1, 2], "datatype": name, "data": values} for name, values in VALUES.items()]


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_the_server_metadata_has_name_version_and_extensions(client: Client, path: str):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert client.get(path).json() == {
        "name": "slipway",
        "version": version,
        "extensions": ["binary_tensor_data"],
    }


def test_the_server_is_live_and_ready(client: Client):
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}


@pytest.mark.parametrize("path", ["/v2/models/lookup", f"/v2/models/lookup/versions/{VERSION}"])
def test_the_model_metadata_has_its_inputs_and_outputs(client: Client, path: str):
    assert client.get(path).json() == {
        "name": "lookup",
        "versions": [VERSION],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": "rows", "datatype": "INT64", "shape": [-1, 2]},
            {"name": "value", "datatype": "FP32", "shape": [-1, 1]},
        ],
        "outputs": [
            {"name": "found", "datatype": "FP32", "shape": [-1, 2, 2]},
            {"name": "doubled", "datatype": "FP32", "shape": [-1, 1]},
        ],
    }
    assert client.get(f"{path}/ready").json() == {"name": "lookup", "ready": True}


def test_a_draining_model_is_live_but_not_ready(tiny: Path, serve: Callable):
    service = serve(tiny)
    client = Client(create_app(service))
    service.drain()

    for path in ("/v2/health/ready", "/v2/models/tiny/ready"):
        refused(client.get(path), "draining", status=503)
    assert client.get("/v2/health/live").status_code == 200


def test_a_failed_model_is_neither_live_nor_ready(tiny: Path, serve: Callable):
    service = serve(tiny)
    client = Client(create_app(service))
    service.fail(service.default_model, "a test")

    for path in ("/v2/health/ready", "/v2/health/live", "/v2/models/tiny/ready"):
        refused(client.get(path), "failed", status=503)


@pytest.mark.parametrize("suffix", ["", "/ready", "/infer"])
@pytest.mark.parametrize("path", ["/v2/models/none", "/v2/models/tiny/versions/none"])
def test_the_error_for_an_unknown_model_or_version_lists_the_known_ones(
    client: Client, path: str, suffix: str
):
    method = "POST" if suffix == "/infer" else "GET"

    response = client.request(method, path + suffix, content=b"{}" if suffix == "/infer" else b"")

    refused(response, "none", f"tiny/{VERSION}", f"lookup/{VERSION}", status=404)


def test_only_the_path_selects_a_version(client: Client):
    for path in ("/v2/models/tiny", "/v2/models/tiny/ready"):
        assert client.get(f"{path}?version=none").json() == client.get(path).json()
    assert infer(client, "tiny", {"inputs": [TINY]}, query="version=none").status_code == 200


@pytest.mark.parametrize("data", [TINY["data"], [[[0, 1, 2], [3, 4, 5]]]])
@pytest.mark.parametrize("path", ["tiny", f"tiny/versions/{VERSION}"])
def test_a_flat_or_nested_tensor_is_answered(client: Client, path: str, data: list[Any]):
    response = infer(client, path, {"inputs": [{**TINY, "data": data}]})

    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "model_name": "tiny",
        "model_version": VERSION,
        "outputs": [{"name": "logits", "shape": [1, 3], "datatype": "FP32", "data": [0, 15, 30]}],
    }


def test_a_batch_is_a_single_tensor(client: Client):
    x = {**TINY, "shape": [2, 2, 3], "data": [0] * 6 + [1] * 6}

    (output,) = infer(client, "tiny", {"inputs": [x]}).json()["outputs"]

    assert (output["shape"], output["data"]) == ([2, 3], [0, 0, 0, 0, 6, 12])


def test_the_id_is_returned_and_unknown_parameters_are_ignored(client: Client):
    body = {"id": "\u00e4-1", "parameters": {"priority": 1}, "inputs": [{**TINY, "parameters": {"own": "a"}}]}

    response = infer(client, "tiny", {**body, "model_name": "tiny"})

    assert response.json()["id"] == "\u00e4-1"
    assert "id" not in infer(client, "tiny", {"inputs": [TINY]}).json()


def test_optional_members_may_be_null(client: Client):
    empty = {"id": None, "parameters": None, "outputs": None}

    response = infer(client, "tiny", {**empty, "inputs": [{**TINY, "parameters": None}]})

    assert response.json() == infer(client, "tiny", {"inputs": [TINY]}).json()


@pytest.mark.parametrize("inputs", [[ROWS, VALUE], [VALUE, ROWS]], ids=["as-told", "reversed"])
def test_inputs_may_come_in_any_order_and_outputs_have_the_order_of_the_model(
    client: Client, lookup: Path, inputs: list[dict[str, Any]]
):
    answer = outputs(infer(client, "lookup", {"inputs": inputs}))

    assert list(answer.items()) == [("found", [6, 7, 0, 1]), ("doubled", [1])]
    # A runtime may go by their order, and a batch does.
    call = ProtocolV2().decode(
        json.dumps({"inputs": inputs}).encode(), RequestHead({}), Signature.read(lookup), 1
    )
    assert list(call.inputs) == ["rows", "value"]


@pytest.mark.parametrize(
    "names", [["doubled"], ["doubled", "found"], ["found", "doubled"], []], ids=lambda names: "-".join(names)
)
def test_only_the_requested_outputs_are_returned_in_the_requested_order(client: Client, names: list[str]):
    body = {"inputs": [ROWS, VALUE], "outputs": [{"name": name} for name in names]}

    assert list(outputs(infer(client, "lookup", body))) == (names or ["found", "doubled"])


@pytest.mark.parametrize("is_binary", [False, True], ids=["JSON", "binary"])
@pytest.mark.parametrize("tensor", ECHO, ids=VALUES)
def test_values_of_every_datatype_are_returned_unchanged(
    client: Client, tensor: dict[str, Any], is_binary: bool
):
    datatype = tensor["datatype"]
    sent = packed(datatype, tensor["data"]) if is_binary else b""
    given = binary(tensor, len(sent)) if is_binary else tensor
    wanted = {"name": f"{datatype}_out", "parameters": {"binary_data": is_binary}}
    body = {"inputs": [given if other is tensor else other for other in ECHO], "outputs": [wanted]}

    response = infer(client, "echo", body, sent)

    if is_binary:
        (answer,), content = binary_outputs(response)
        assert content == sent
        assert answer["parameters"] == {"binary_data_size": len(sent)}
        assert "data" not in answer
    else:
        (answer,) = response.json()["outputs"]
        assert answer["data"] == tensor["data"]
        assert list(map(type, answer["data"])) == list(map(type, tensor["data"]))
    assert (answer["datatype"], answer["shape"]) == (datatype, [1, 2])


def test_every_datatype_is_tested():
    assert VALUES.keys() == DTYPES.keys()


def test_binary_tensors_follow_in_the_order_of_the_json_and_may_be_mixed_with_json(client: Client):
    sent = {name: packed(name, VALUES[name]) for name in ("FP64", "BYTES", "UINT8", "BOOL")}
    by_name = {tensor["name"]: tensor for tensor in ECHO}
    after = [binary(by_name.pop(name), len(data)) for name, data in sent.items()]

    response = infer(client, "echo", {"inputs": [*by_name.values(), *after]}, b"".join(sent.values()))

    assert outputs(response) == {f"{name}_out": values for name, values in VALUES.items()}


def test_binary_outputs_can_be_requested_for_all_or_for_single_outputs(client: Client):
    body: dict[str, Any] = {"inputs": [ROWS, VALUE]}
    found, doubled = packed("FP32", [6, 7, 0, 1]), packed("FP32", [1])
    everything = {"parameters": {"binary_data_output": True}}

    both, content = binary_outputs(infer(client, "lookup", {**body, **everything}))
    assert content == found + doubled
    assert [output["parameters"] for output in both] == [{"binary_data_size": 16}, {"binary_data_size": 4}]

    wanted = [{"name": "doubled", "parameters": {"binary_data": False}}, {"name": "found"}]
    both, content = binary_outputs(infer(client, "lookup", {**body, **everything, "outputs": wanted}))
    assert content == found
    assert both[0]["data"] == [1]

    wanted = [{"name": "doubled", "parameters": {"binary_data": True}}, {"name": "found"}]
    both, content = binary_outputs(infer(client, "lookup", {**body, "outputs": wanted}))
    assert content == doubled
    assert both[1]["data"] == [6, 7, 0, 1]


def test_numbers_that_json_cannot_hold_can_be_returned_as_binary(client: Client):
    x = binary(TINY, 24)
    infinite = packed("FP32", [np.inf] * 6)

    refused(infer(client, "tiny", {"inputs": [x]}, infinite), "'logits'", "not finite")
    body = {"inputs": [x], "parameters": {"binary_data_output": True}}
    _, content = binary_outputs(infer(client, "tiny", body, infinite))
    assert not np.isfinite(np.frombuffer(content, "<f4")).all()


def test_an_output_that_is_not_requested_as_json_may_have_any_number(client: Client):
    inputs = [
        {"name": "rows", "shape": [1, 2], "datatype": "INT64", "data": [1, 2]},
        {"name": "value", "shape": [1, 1], "datatype": "FP32", "data": [3e38]},
    ]

    (found,) = infer(client, "lookup", {"inputs": inputs, "outputs": [{"name": "found"}]}).json()["outputs"]

    assert found["data"] == [2, 3, 4, 5]
    refused(infer(client, "lookup", {"inputs": inputs}), "'doubled'", "not finite")


@pytest.mark.parametrize("shape", [[1, 2, 3], [2, 1, 3], [1, 6, 1]])
def test_an_axis_of_any_length_takes_the_length_of_the_request(client: Client, shape: list[int]):
    x = {"name": "x", "shape": shape, "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}

    (output,) = infer(client, "ragged", {"inputs": [x]}).json()["outputs"]

    assert (output["shape"], output["data"]) == (shape, [2, 4, 6, 8, 10, 12])


def test_a_timeout_in_microseconds_is_the_requests_deadline(client: Client):
    refused(infer(client, "tiny", {"inputs": [TINY], "parameters": {"timeout": 1}}), "deadline", status=504)
    for timeout in (0, 5_000_000, 2**63 - 1):
        assert (
            infer(client, "tiny", {"inputs": [TINY], "parameters": {"timeout": timeout}}).status_code == 200
        )
