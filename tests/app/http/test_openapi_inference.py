"""The OpenAPI document of the Open Inference Protocol, compared with its specification and the server."""

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from tests.app.conftest import VERSION, Client
from tests.app.http.checks import check_documented, operation
from tests.app.open_inference import LENGTH, TINY

INFER = "/v2/models/{name}/infer"
REQUIRED_MEMBERS = {
    "/v2": ["name", "version", "extensions"],
    "/v2/health/live": ["live"],
    "/v2/health/ready": ["live"],
    **{
        model + suffix: members
        for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
        for suffix, members in (
            ("", ["name", "platform", "inputs", "outputs"]),
            ("/ready", ["name", "ready"]),
            ("/infer", ["model_name", "outputs"]),
        )
    },
}
"""The members that a response must have, by path:
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md"""


def send(client: Client, path: str, name: str = "tiny", body: object = None) -> httpx.Response:
    """Send a request to a documented path, with a body if it is an inference path."""
    url = path.format(name=name, version=VERSION)
    if not path.endswith("/infer"):
        return client.get(url)
    return client.request("POST", url, content=orjson.dumps(body or {"inputs": [TINY]}))


def documented_responses(client: Client, path: str) -> dict:
    return operation(client, path, "post" if path.endswith("/infer") else "get")["responses"]


@pytest.mark.parametrize("path", REQUIRED_MEMBERS)
def test_the_open_inference_protocol_answers_as_specified_and_documented(path: str, client: Client):
    schema = documented_responses(client, path)["200"]["content"]["application/json"]["schema"]

    response = send(client, path)

    assert response.status_code == 200
    Draft202012Validator(schema).validate(response.json())
    assert set(REQUIRED_MEMBERS[path]) <= set(schema["required"])


@pytest.mark.parametrize("path", [path for path in REQUIRED_MEMBERS if "{name}" in path])
def test_the_open_inference_protocol_refuses_as_specified_and_documented(path: str, client: Client):
    responses = [send(client, path, name="none")]
    if path.endswith("/infer"):
        responses.append(send(client, path, body={"inputs": [{**TINY, "shape": [1, 5]}]}))

    for response, status in zip(responses, (404, 400), strict=False):
        assert response.status_code == status
        check_documented(documented_responses(client, path), response)
        assert response.json()["error"] == response.json()["detail"]


@pytest.mark.parametrize(
    ("change", "is_valid"),
    [
        ({"id": "1"}, True),
        ({"id": None, "parameters": None, "outputs": None}, True),
        ({"parameters": {"binary_data_output": True, "timeout": 0}}, True),
        ({"parameters": {"binary_data_output": 1}}, False),
        ({"parameters": {"timeout": -1}}, False),
        ({"outputs": [{"name": "logits", "parameters": {"binary_data": True}}]}, True),
        ({"outputs": ["logits"]}, False),
        ({"inputs": [{**TINY, "shape": [-1, 2, 3]}]}, False),
        ({"inputs": [{**TINY, "datatype": "FLOAT"}]}, False),
        ({"inputs": {}}, False),
        ({"id": 1}, False),
    ],
)
def test_the_inference_schema_accepts_what_the_server_accepts(change: dict, is_valid: bool, client: Client):
    body = {"inputs": [TINY], **change}
    schema = operation(client, INFER)["requestBody"]["content"]["application/json"]["schema"]

    response = send(client, INFER, body=body)

    assert Draft202012Validator(schema).is_valid(body) is is_valid
    assert (response.status_code == 200) is is_valid
    if is_valid:
        content = response.content[: int(response.headers.get(LENGTH, len(response.content)))]
        schema = documented_responses(client, INFER)["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema).validate(orjson.loads(content))
