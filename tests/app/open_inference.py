"""Requests of the Open Inference Protocol, and what comes back."""

import json
import struct
from typing import Any

import httpx
import numpy as np

from app.tensors import DTYPES
from tests.app.conftest import Client

LENGTH = "inference-header-content-length"
OCTETS = "application/octet-stream"
PROBLEM = "application/problem+json"

TINY: dict[str, Any] = {"name": "x", "shape": [1, 2, 3], "datatype": "FP32", "data": [0, 1, 2, 3, 4, 5]}
ROWS: dict[str, Any] = {"name": "rows", "shape": [1, 2], "datatype": "INT64", "data": [3, 0]}
VALUE: dict[str, Any] = {"name": "value", "shape": [1, 1], "datatype": "FP32", "data": [0.5]}
ECHO: list[dict[str, Any]] = [
    {"name": name, "shape": [1, 2], "datatype": name, "data": values}
    for name, values in {
        "BOOL": [True, False],
        **{f"{sign}INT{bits}": [0, 1] for sign in ("", "U") for bits in (8, 16, 32, 64)},
        **{f"FP{bits}": [0.5, 1] for bits in (16, 32, 64)},
        "BYTES": ["a", "bc"],
    }.items()
]


def packed(datatype: str, values: list[Any]) -> bytes:
    """Return values as the binary tensor extension lays them out."""
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(value.encode())) + value.encode() for value in values)
    return np.array(values, DTYPES[datatype].newbyteorder("<")).tobytes()


def binary(tensor: dict[str, Any], size: int) -> dict[str, Any]:
    """Return a tensor whose values come after the JSON."""
    described = {key: value for key, value in tensor.items() if key != "data"}
    return {**described, "parameters": {"binary_data_size": size}}


def infer(
    client: Client, model: str, body: object, tail: bytes = b"", *, query: str = "", **headers: str
) -> httpx.Response:
    """Send a request, with its binary tensors after the JSON."""
    content = json.dumps(body).encode()
    if tail:
        headers = {LENGTH: str(len(content)), "content-type": OCTETS, **headers}
    path = f"/v2/models/{model}/infer?{query}"
    return client.request("POST", path, content=content + tail, headers=headers)


def outputs(response: httpx.Response) -> dict[str, list[Any]]:
    """Return the values of an answer in JSON."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return {output["name"]: output["data"] for output in response.json()["outputs"]}


def binary_outputs(response: httpx.Response) -> tuple[list[dict[str, Any]], bytes]:
    """Return the outputs in JSON, and what follows it."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == OCTETS
    length = int(response.headers[LENGTH])
    return json.loads(response.content[:length])["outputs"], response.content[length:]


def refused(response: httpx.Response, *words: str, status: int = 400) -> dict[str, Any]:
    """See that an answer is a problem that says all of these; return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    content = response.json()
    assert content["error"] == content["detail"]
    missing = [word for word in words if word not in content["error"]]
    assert not missing, content["error"]
    return content
