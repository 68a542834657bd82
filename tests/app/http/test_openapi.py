"""What /docs says, held against what the server does."""

from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from app.http.api import create_app
from app.serving.service import Service
from app.settings import Settings
from tests.app.conftest import VERSION, Client
from tests.app.open_inference import LENGTH, TINY

SAMPLE = b"[0,0,0,0,0,0]"
INFER = "/v2/models/{name}/infer"


def operation(client, path: str = "/predict", method: str = "post") -> dict:
    return client.get("/openapi.json").json()["paths"][path][method]


def accepts(client, body: object) -> bool:
    """Whether the published schema takes a body."""
    schema = operation(client)["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator(schema).is_valid(body)


def test_docs_are_served(tiny: Path, client_of: Callable):
    response = client_of(tiny).get("/docs")

    assert response.status_code == 200
    assert "swagger" in response.text
    assert "openapi.json" in response.text


def test_the_model_is_described(tiny: Path, client_of: Callable):
    info = client_of(tiny).get("/openapi.json").json()["info"]

    assert (info["title"], info["version"]) == ("tiny", "0123456789ab")
    assert "`x`: FP32 [-1, 2, 3]" in info["description"]
    assert "`logits`: FP32 [-1, 3]" in info["description"]


@pytest.mark.parametrize(
    "body",
    [
        [0] * 6,
        [[0] * 3] * 2,
        [[0] * 6] * 4,
        [[[0] * 3] * 2] * 4,
        [0] * 5,
        [[0] * 6] * 5,
        [[0] * 3] * 3,
        [["a"] * 3] * 2,
        [],
        5,
        {"x": [0] * 6},
        {"instances": [[0] * 6] * 4},
        {"instances": [[[0] * 3] * 2]},
        {"instances": [[0] * 6] * 5},
        {"instances": [0] * 6},
        {"instances": []},
        {"instances": [[0] * 6], "more": 1},
        {"instances": [{"x": [0] * 6}, {"x": [[0] * 3] * 2}]},
        {"instances": [{"x": [0] * 6}], "signature_name": "serving_default"},
        {"instances": [[0] * 6], "signature_name": "other"},
        {"instances": [[0] * 6], "signature_name": None},
        {"instances": [[0] * 6, {"x": [0] * 6}]},
        {"instances": [{"x": [0] * 5}]},
        {"instances": [{"y": [0] * 6}]},
        {"x": [[0] * 6] * 5},
        {"x": [0] * 6, "y": 1},
        [-3.5e38] * 6,
    ],
)
def test_the_schema_takes_what_the_server_takes(tiny: Path, client_of: Callable, body: object):
    client = client_of(tiny, batch_size=4)

    assert accepts(client, body) == (client.predict(orjson.dumps(body)).status_code == 200)


@pytest.mark.parametrize(
    ("datatype", "values", "is_taken"),
    [
        ("INT8", [-128, 127], True),
        ("INT8", [0, 128], False),
        ("UINT64", [0, 2**64 - 1], True),
        ("UINT64", [0, -1], False),
        ("FP16", [-65504, 65504], True),
        ("FP16", [0, 70000], False),
        ("FP64", [-1e308, 1e308], True),
        ("BOOL", [0, 1], False),
        ("BYTES", ["a", 1], False),
    ],
)
def test_the_schema_has_the_bounds_of_each_datatype(
    datatype: str, values: list, is_taken: bool, client: Client
):
    # The model of /predict is the first by name.
    example = operation(client)["requestBody"]["content"]["application/json"]["example"]
    body = {**example, datatype: values}

    assert accepts(client, body) is is_taken
    assert (client.predict(orjson.dumps(body)).status_code == 200) is is_taken


def test_the_schema_of_several_inputs_is_an_object(lookup: Path, client_of: Callable):
    client = client_of(lookup)

    assert accepts(client, {"rows": [0, 1], "value": [0.5]})
    assert not accepts(client, {"rows": [0.5, 1], "value": [0.5]})
    assert not accepts(client, {"rows": [0, 1]})


@pytest.mark.parametrize("name", ["tiny", "colours", "lookup"])
def test_the_example_is_the_artifacts_sample_and_can_be_sent(
    name: str, client_of: Callable, request: pytest.FixtureRequest
):
    client = client_of(request.getfixturevalue(name))
    example = operation(client)["requestBody"]["content"]["application/json"]["example"]

    assert accepts(client, example)
    response = client.predict(orjson.dumps(example))
    assert response.status_code == 200
    answer = operation(client)["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(answer).validate(response.json())


def test_a_long_sample_is_not_shown(tiny: Path, client_of: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.http.openapi.EXAMPLE_VALUES", 5)

    assert "example" not in operation(client_of(tiny))["requestBody"]["content"]["application/json"]


def test_only_a_model_of_photographs_takes_pictures(tiny: Path, colours: Path, client_of: Callable):
    assert list(operation(client_of(tiny))["requestBody"]["content"]) == [
        "application/json",
        "application/octet-stream",
    ]
    assert list(operation(client_of(colours))["requestBody"]["content"]) == [
        "application/json",
        "application/octet-stream",
        "image/jpeg",
        "image/png",
    ]


def test_every_error_is_documented_and_every_documented_error_happens(
    tiny: Path, client_of: Callable, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
):
    client = client_of(tiny)
    service = serve(tiny)
    client.app = create_app(service)
    answers = [
        client.predict(SAMPLE),
        client.predict(b"?"),
        client.predict(b"[[0]]"),
        client.predict(b"", "a/b"),
    ]
    answers.append(client.predict(b" " * (service.settings.max_body_bytes + 1)))
    answers.append(client.predict(SAMPLE, **{"x-envoy-expected-rq-timeout-ms": "0"}))
    monkeypatch.setattr(service.default_model.batcher, "_run", None)
    answers.append(client.predict(SAMPLE))
    loading = Service(Settings(model_path=tiny))
    client.app = create_app(loading)
    answers.append(client.predict(SAMPLE))
    loading.close()

    documented = operation(client)["responses"]
    # What comes too slowly has no place in this client: tests/app/http/test_connection.py sees to it.
    assert {str(answer.status_code) for answer in answers} == set(documented) - {"408"}
    for answer in answers[1:]:
        content = documented[str(answer.status_code)]["content"]
        Draft202012Validator(content[answer.headers["content-type"]]["schema"]).validate(answer.json())


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_health_answers_as_documented(
    path: str, tiny: Path, client_of: Callable, serve: Callable[..., Service]
):
    client, service = client_of(tiny), serve(tiny)
    client.app = create_app(service)
    good = client.get(path)
    service.fail(service.default_model, "a test")
    bad = client.get(path)

    documented = operation(client, path, "get")["responses"]
    assert [str(good.status_code), str(bad.status_code)] == ["200", "503"] == sorted(documented)
    for answer in (good, bad):
        content = documented[str(answer.status_code)]["content"]
        Draft202012Validator(content[answer.headers["content-type"]]["schema"]).validate(answer.json())


SPECIFIED = {
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
"""What an answer must have, by
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md"""


def ask(client: Client, path: str, name: str = "tiny", body: object = None) -> httpx.Response:
    """Send a request to a documented path, with a body where it is one of inference."""
    url = path.format(name=name, version=VERSION)
    if not path.endswith("/infer"):
        return client.get(url)
    return client.request("POST", url, content=orjson.dumps(body or {"inputs": [TINY]}))


def responses(client: Client, path: str) -> dict:
    return operation(client, path, "post" if path.endswith("/infer") else "get")["responses"]


@pytest.mark.parametrize("path", SPECIFIED)
def test_the_open_inference_protocol_answers_as_specified_and_documented(path: str, client: Client):
    schema = responses(client, path)["200"]["content"]["application/json"]["schema"]

    answer = ask(client, path)

    assert answer.status_code == 200
    Draft202012Validator(schema).validate(answer.json())
    assert set(SPECIFIED[path]) <= set(schema["required"])


@pytest.mark.parametrize("path", [path for path in SPECIFIED if "{name}" in path])
def test_the_open_inference_protocol_refuses_as_specified_and_documented(path: str, client: Client):
    answers = [ask(client, path, name="none")]
    if path.endswith("/infer"):
        answers.append(ask(client, path, body={"inputs": [{**TINY, "shape": [1, 5]}]}))

    for answer, status in zip(answers, ("404", "400"), strict=False):
        assert str(answer.status_code) == status
        content = responses(client, path)[status]["content"][answer.headers["content-type"]]
        Draft202012Validator(content["schema"]).validate(answer.json())
        assert answer.json()["error"] == answer.json()["detail"]


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
def test_the_schema_of_inference_takes_what_the_server_takes(change: dict, is_valid: bool, client: Client):
    body = {"inputs": [TINY], **change}
    schema = operation(client, INFER)["requestBody"]["content"]["application/json"]["schema"]

    answer = ask(client, INFER, body=body)

    assert Draft202012Validator(schema).is_valid(body) is is_valid
    assert (answer.status_code == 200) is is_valid
    if is_valid:
        content = answer.content[: int(answer.headers.get(LENGTH, len(answer.content)))]
        answered = responses(client, INFER)["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(answered).validate(orjson.loads(content))


def test_the_bound_of_a_body_that_applies_first_is_told(client_of: Callable, tiny: Path):
    def told(**settings: int) -> str:
        document = client_of(tiny, **settings).get("/openapi.json").json()
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
        return content["application/octet-stream"]["schema"]["description"]

    assert told(batch_size=4) == "At most 8388608 bytes, so at most 4 samples as raw values."
    assert told(batch_size=4, max_body_bytes=50) == "At most 50 bytes, so at most 2 samples as raw values."


def test_a_body_over_the_limit_is_told_how_many_samples_fit(client_of: Callable, tiny: Path):
    client = client_of(tiny, batch_size=4, max_body_bytes=50)

    response = client.predict(bytes(72), "application/octet-stream")

    assert response.status_code == 413
    assert "larger than 50 bytes, the limit of a body, which holds 2 samples as raw values" in response.text
