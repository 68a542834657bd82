"""Requests of the Open Inference Protocol that do not fit: each is told what is wrong, and where."""

import gzip
import json
from typing import Any

import pytest

from tests.app.conftest import Client
from tests.app.open_inference import (
    LENGTH,
    OCTETS,
    ROWS,
    TINY,
    VALUE,
    binary,
    infer,
    packed,
    refused,
)

SIX = packed("FP32", [0, 1, 2, 3, 4, 5])
TEXTS = {"name": "BYTES", "shape": [1, 2], "datatype": "BYTES"}
RAGGED = {"name": "x", "datatype": "FP32"}


def without(tensor: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in tensor.items() if name != key}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"datatype": "INT32"}, ["datatype 'INT32'"]),
        ({"datatype": "FP32 "}, ["datatype 'FP32 '"]),
        ({"datatype": "B" * 1000}, [f"datatype '{'B' * 40}'"]),
        ({"shape": []}, ["the shape []"]),
        ({"shape": [0, 2, 3]}, ["the shape [0, 2, 3]"]),
        ({"shape": [2, 3]}, ["the shape [2, 3]"]),
        ({"shape": [1, 3, 2]}, ["the shape [1, 3, 2]"]),
        ({"shape": [1, 2, 3, 1]}, ["the shape [1, 2, 3, 1]"]),
        ({"shape": [1] * 10_000}, [f"the shape {[1] * 8}, the first of 10000"]),
        ({"shape": [2, 2, 3]}, ["6 values for the shape [2, 2, 3]"]),
        ({"shape": [2**63 - 1, 2, 3]}, ["6 values for the shape"]),
        ({"data": [0] * 5}, ["5 values"]),
        ({"data": [0] * 7}, ["7 values"]),
        ({"data": []}, ["an empty list"]),
        ({"data": None}, ["neither data nor binary_data_size"]),
        ({"data": [[[0, 1], [2, 3], [4, 5]]]}, ["nested data of the shape [1, 3, 2]", "[1, 2, 3]"]),
        ({"data": [[0, 1, 2], [3, 4, 5]]}, ["nested data of the shape [2, 3]", "[1, 2, 3]"]),
        ({"data": [[0, 1, 2], [3, 4]]}, ["ragged"]),
        ({"data": [0, 1, 2, 3, 4, "5"]}, ['"5" at [5]']),
        ({"data": [0, 1, 2, 3, 4, True]}, ["true at [5]"]),
        ({"data": [0, 1, 2, 3, 4, None]}, ["null at [5]"]),
        ({"data": [0, 1, 2, 3, 4, 1e39]}, ["beyond FP32 at [5]"]),
        ({"data": "012345"}, ['"012345"']),
        ({"data": {"0": 1}}, ["an object"]),
    ],
)
def test_the_error_for_a_wrong_tensor_says_what_fits(
    client: Client, change: dict[str, Any], words: list[str]
):
    content = refused(infer(client, "tiny", {"inputs": [{**TINY, **change}]}), "input 'x'", *words)

    assert content["tensor"] == "x"
    assert content["expected"] == {"datatype": "FP32", "shape": [-1, 2, 3]}
    assert len(content["detail"]) < 400


@pytest.mark.parametrize(
    ("tensor", "tail", "words"),
    [
        (binary(TINY, 24), SIX[:-1], ["binary_data_size 24", "23 bytes are left"]),
        (binary(TINY, 20), SIX[:20], ["20 bytes for 6 values of 4"]),
        (binary(TINY, 28), SIX + SIX[:4], ["28 bytes for 6 values of 4"]),
        (binary(TINY, 0), b"", ["0 bytes for 6 values of 4"]),
        ({**binary(TINY, 24), "datatype": "INT32"}, SIX, ["datatype 'INT32'"]),
        ({**binary(TINY, 24), "shape": [1, 3, 2]}, SIX, ["the shape [1, 3, 2]"]),
        ({**binary(TINY, 24), "shape": [2, 2, 3]}, SIX, ["24 bytes for 12 values"]),
        ({**binary(TINY, 24), "data": TINY["data"]}, SIX, ["both data and binary_data_size"]),
    ],
)
def test_the_error_for_a_wrong_binary_tensor_says_what_fits(
    client: Client, tensor: dict[str, Any], tail: bytes, words: list[str]
):
    content = refused(infer(client, "tiny", {"inputs": [tensor]}, tail), "input 'x'", *words)

    assert content["tensor"] == "x"


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"\1\0\0\0a\1\0\0", ["within the length of element 1"]),
        (b"\1\0\0\0a\2\0\0\0b", ["within element 1, of 2 bytes"]),
        (b"\1\0\0\0a\1\0\0\0\xff", ["element 1 that is not UTF-8"]),
        (b"\1\0\0\0a", ["1 elements, not 2"]),
        (b"\0\0\0\0" * 3, ["3 elements, not 2"]),
        (b"\1\0\0\0a\xff\xff\xff\xff", ["within element 1, of 4294967295 bytes"]),
    ],
)
def test_malformed_packed_strings_are_refused(client: Client, tail: bytes, words: list[str]):
    others = [{"name": name, "shape": [1, 2], "datatype": name, "data": [0, 0]} for name in ("INT8", "FP16")]

    refused(
        infer(client, "echo", {"inputs": [binary(TEXTS, len(tail)), *others]}, tail),
        "input 'BYTES'",
        *words,
    )


@pytest.mark.parametrize(
    ("shape", "data"),
    [([1, 0, 3], []), ([1, 2, 0], []), ([2**62, 0, 4], []), ([0, 2, 3], []), ([1, 2, 3], [])],
)
def test_an_axis_of_any_length_must_not_be_empty(client: Client, shape: list[int], data: list[Any]):
    tensor = {**RAGGED, "shape": shape}

    refused(infer(client, "ragged", {"inputs": [{**tensor, "data": data}]}), "input 'x'")
    refused(infer(client, "ragged", {"inputs": [binary(tensor, 0)]}), "input 'x'")


def test_a_bool_is_not_a_number_and_a_number_is_not_a_bool(client: Client):
    tensor = {"name": "BOOL", "shape": [1, 2], "datatype": "BOOL", "data": [True, 1]}

    refused(infer(client, "echo", {"inputs": [tensor]}), "input 'BOOL' holds 1 at [1]", "expected BOOL")


def test_an_integer_beyond_its_datatype_is_refused(client: Client):
    for value in (128, -129, 10**30):
        tensor = {"name": "INT8", "shape": [1, 2], "datatype": "INT8", "data": [0, value]}

        refused(infer(client, "echo", {"inputs": [tensor]}), "input 'INT8'", "beyond INT8")


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], ["input 'rows' is missing"]),
        ([ROWS], ["input 'value' is missing"]),
        ([VALUE], ["input 'rows' is missing"]),
        ([ROWS, VALUE, VALUE], ["input 'value' is there twice"]),
        ([ROWS, VALUE, {**VALUE, "name": "other"}], ["input 'other'", "inputs are rows, value"]),
        ([ROWS, VALUE, {**VALUE, "name": "n" * 1000}], [f"input '{'n' * 40}'"]),
        ([ROWS, {**VALUE, "shape": [2, 1], "data": [1, 2]}], ["'rows': 1, 'value': 2"]),
    ],
)
def test_the_error_for_wrong_inputs_names_them(client: Client, inputs: list[Any], words: list[str]):
    refused(infer(client, "lookup", {"inputs": inputs}), *words)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([{"name": "other"}], ["output 'other'", "outputs are found, doubled"]),
        ([{"name": "found"}, {"name": "found"}], ["output 'found' is requested twice"]),
        ([{"name": "o" * 1000}], [f"output '{'o' * 40}'"]),
    ],
)
def test_the_error_for_wrong_outputs_names_them(client: Client, wanted: list[Any], words: list[str]):
    refused(infer(client, "lookup", {"inputs": [ROWS, VALUE], "outputs": wanted}), *words)


def test_a_request_with_too_many_samples_is_too_large(client: Client):
    x = {**TINY, "shape": [5, 2, 3], "data": [0] * 30}

    content = refused(infer(client, "tiny", {"inputs": [x]}), "5 samples", "at most 4", status=413)

    assert content["tensor"] == "x"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], "Expected `object`, got `array`"),
        ({}, "Object missing required field `inputs`"),
        ({"inputs": {}}, "`$.inputs`"),
        ({"inputs": [5]}, "`$.inputs[0]`"),
        ({"inputs": [TINY, without(TINY, "name")]}, "`name` - at `$.inputs[1]`"),
        ({"inputs": [without(TINY, "shape")]}, "`shape` - at `$.inputs[0]`"),
        ({"inputs": [without(TINY, "datatype")]}, "`datatype` - at `$.inputs[0]`"),
        ({"inputs": [{**TINY, "name": 5}]}, "`$.inputs[0].name`"),
        ({"inputs": [{**TINY, "shape": [-1, 2, 3]}]}, "`$.inputs[0].shape[0]`"),
        ({"inputs": [{**TINY, "shape": [1.0, 2, 3]}]}, "`$.inputs[0].shape[0]`"),
        ({"inputs": [{**TINY, "shape": [2**63, 2, 3]}]}, "`$.inputs[0].shape[0]`"),
        ({"inputs": [binary(TINY, -1)]}, "`$.inputs[0].parameters.binary_data_size`"),
        ({"inputs": [TINY], "id": 42}, "`$.id`"),
        ({"inputs": [TINY], "parameters": []}, "`$.parameters`"),
        ({"inputs": [TINY], "parameters": {"timeout": -1}}, "`$.parameters.timeout`"),
        ({"inputs": [TINY], "parameters": {"timeout": 10**400}}, "`$.parameters.timeout`"),
        ({"inputs": [TINY], "parameters": {"binary_data_output": 1}}, "`$.parameters.binary_data_output`"),
        ({"inputs": [TINY], "outputs": [{}]}, "`$.outputs[0]`"),
        ({"inputs": [TINY], "outputs": ["logits"]}, "`$.outputs[0]`"),
    ],
)
def test_the_error_for_a_wrong_request_says_where_it_is_wrong(client: Client, body: object, where: str):
    refused(infer(client, "tiny", body), "not an inference request", where)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"?",
        b"\xff",
        b'{"inputs": [{"name": "\xff"}]}',
        b'{"inputs": [{"name": "x", "shape": [1, 2, 3], "datatype": "FP32", "data": [NaN]}]}',
        b'{"inputs": [{"name": "x", "shape": [1, 2, 3], "datatype": "FP32", "data": [1e999]}]}',
        b'{"inputs": [{"data": ' + b"[" * 10_000 + b"]" * 10_000 + b"}]}",
        b'{"inputs": []} more',
    ],
    ids=["nothing", "mark", "byte", "text", "NaN", "infinity", "deep", "more"],
)
def test_a_request_that_is_not_json_is_refused(client: Client, content: bytes):
    path = "/v2/models/tiny/infer"

    refused(client.request("POST", path, content=content), "not an inference request")


def test_the_header_with_the_length_of_the_json_must_fit_the_body(client: Client):
    body = json.dumps({"inputs": [binary(TINY, 24)]}).encode()

    def sent(length: object, content: bytes = body + SIX, **headers: str):
        headers |= {LENGTH: str(length), "content-type": OCTETS}
        return client.request("POST", "/v2/models/tiny/infer", content=content, headers=headers)

    assert sent(len(body)).status_code == 200
    size = len(body) + len(SIX)
    refused(sent(size + 1), f"{LENGTH} is {size + 1}", f"the body has only {size} bytes")
    refused(sent(0), "not an inference request")
    refused(sent(len(body) - 1), "not an inference request")
    refused(sent(len(body) + 1), "not an inference request")
    refused(sent(len(body), body + SIX + b"!!"), "2 bytes after the last binary tensor")
    for length in ("-1", "1e3", "", "9" * 21, " "):
        refused(sent(length), f"{LENGTH}: ", "is not a number")
    # It counts what was compressed.
    packed_body = gzip.compress(body + SIX)
    assert sent(len(body), packed_body, **{"content-encoding": "gzip"}).status_code == 200
    refused(sent(size + 1, packed_body, **{"content-encoding": "gzip"}), f"the body has only {size} bytes")


def test_bytes_after_the_json_need_the_header_with_its_length(client: Client):
    content = json.dumps({"inputs": [binary(TINY, 24)]}).encode() + SIX

    refused(client.request("POST", "/v2/models/tiny/infer", content=content), "not an inference request")


def test_the_error_for_a_wrong_content_type_lists_the_accepted_ones(client: Client):
    response = infer(client, "tiny", {"inputs": [TINY]}, tail=b"", **{"content-type": "image/png"})

    refused(response, "image/png", "application/json, application/octet-stream", status=415)
    assert response.headers["accept-post"] == "application/json, application/octet-stream"


def test_values_that_the_model_cannot_compute_are_refused(client: Client):
    rows = {**ROWS, "data": [99, 0]}

    refused(infer(client, "lookup", {"inputs": [rows, VALUE]}), "cannot compute these values")
