"""The OpenAPI document, compared with what the server does."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

from app.http.api import create_app
from app.serving.service import Service
from app.settings import Settings
from tests.app.conftest import Client
from tests.app.http.checks import check_documented, operation

SAMPLE = b"[0,0,0,0,0,0]"


def accepts(client, body: object) -> bool:
    """Tell whether the schema in the document accepts a body."""
    schema = operation(client)["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator(schema).is_valid(body)


def test_the_docs_page_is_served(tiny: Path, client_of: Callable):
    response = client_of(tiny).get("/docs")

    assert response.status_code == 200
    assert "swagger" in response.text
    assert "openapi.json" in response.text


def test_the_document_describes_the_model(tiny: Path, client_of: Callable):
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
def test_the_schema_accepts_what_the_server_accepts(tiny: Path, client_of: Callable, body: object):
    client = client_of(tiny, batch_size=4)

    assert accepts(client, body) == (client.predict(orjson.dumps(body)).status_code == 200)


@pytest.mark.parametrize(
    ("datatype", "values", "is_valid"),
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
def test_the_schema_has_the_limits_of_each_datatype(
    datatype: str, values: list, is_valid: bool, client: Client
):
    # The model of /predict is the first by name.
    example = operation(client)["requestBody"]["content"]["application/json"]["example"]
    body = {**example, datatype: values}

    assert accepts(client, body) is is_valid
    assert (client.predict(orjson.dumps(body)).status_code == 200) is is_valid


def test_the_schema_of_several_inputs_is_an_object(lookup: Path, client_of: Callable):
    client = client_of(lookup)

    assert accepts(client, {"rows": [0, 1], "value": [0.5]})
    assert not accepts(client, {"rows": [0.5, 1], "value": [0.5]})
    assert not accepts(client, {"rows": [0, 1]})


@pytest.mark.parametrize("name", ["tiny", "colours", "lookup"])
def test_the_example_is_the_sample_of_the_artifact_and_gets_a_prediction(
    name: str, client_of: Callable, request: pytest.FixtureRequest
):
    client = client_of(request.getfixturevalue(name))
    example = operation(client)["requestBody"]["content"]["application/json"]["example"]

    assert accepts(client, example)
    response = client.predict(orjson.dumps(example))
    assert response.status_code == 200
    schema = operation(client)["responses"]["200"]["content"]["application/json"]["schema"]
    Draft202012Validator(schema).validate(response.json())


def test_a_long_sample_is_not_shown_as_an_example(
    tiny: Path, client_of: Callable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.http.openapi.MAX_EXAMPLE_VALUES", 5)

    assert "example" not in operation(client_of(tiny))["requestBody"]["content"]["application/json"]


def test_only_a_picture_model_documents_picture_types(tiny: Path, colours: Path, client_of: Callable):
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
    responses = [
        client.predict(SAMPLE),
        client.predict(b"?"),
        client.predict(b"[[0]]"),
        client.predict(b"", "a/b"),
    ]
    responses.append(client.predict(b" " * (service.settings.max_body_bytes + 1)))
    responses.append(client.predict(SAMPLE, **{"x-envoy-expected-rq-timeout-ms": "0"}))
    monkeypatch.setattr(service.default_model.batcher, "_run", None)
    responses.append(client.predict(SAMPLE))
    loading = Service(Settings(model_path=tiny))
    client.app = create_app(loading)
    responses.append(client.predict(SAMPLE))
    loading.close()

    documented = operation(client)["responses"]
    # 408 needs a real connection: see test_connection_limits.py.
    assert {str(response.status_code) for response in responses} == set(documented) - {"408"}
    for response in responses[1:]:
        check_documented(documented, response)


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_health_answers_as_documented(
    path: str, tiny: Path, client_of: Callable, serve: Callable[..., Service]
):
    client, service = client_of(tiny), serve(tiny)
    client.app = create_app(service)
    healthy = client.get(path)
    service.fail(service.default_model, "test")
    failed = client.get(path)

    documented = operation(client, path, "get")["responses"]
    assert [str(healthy.status_code), str(failed.status_code)] == ["200", "503"] == sorted(documented)
    for response in (healthy, failed):
        check_documented(documented, response)


def test_the_document_gives_the_stricter_limit_of_a_body(client_of: Callable, tiny: Path):
    def documented_limit(**settings: int) -> str:
        document = client_of(tiny, **settings).get("/openapi.json").json()
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
        return content["application/octet-stream"]["schema"]["description"]

    assert documented_limit(batch_size=4) == "At most 8388608 bytes, so at most 4 samples as raw values."
    assert (
        documented_limit(batch_size=4, max_body_bytes=50)
        == "At most 50 bytes, so at most 2 samples as raw values."
    )


def test_a_body_over_the_limit_is_refused_with_the_number_of_samples_that_fit(
    client_of: Callable, tiny: Path
):
    client = client_of(tiny, batch_size=4, max_body_bytes=50)

    response = client.predict(bytes(72), "application/octet-stream")

    assert response.status_code == 413
    assert "larger than 50 bytes" in response.text
    assert "a body of raw values can have at most 2 samples" in response.text


def test_the_document_of_a_server_with_keys_says_how_to_send_one(
    client_of: Callable, tiny: Path, tmp_path: Path
):
    keys = tmp_path / "keys"
    keys.write_text("a-key-of-this-test")
    document = client_of(tiny, api_keys_path=keys).get("/openapi.json").json()

    schemes = document["components"]["securitySchemes"]
    assert (schemes["bearer"]["type"], schemes["bearer"]["scheme"]) == ("http", "bearer")
    assert [schemes["apiKey"][member] for member in ("type", "in", "name")] == [
        "apiKey",
        "header",
        "X-API-Key",
    ]
    assert document["security"] == [{"bearer": []}, {"apiKey": []}]
    probes = {
        path for path, methods in document["paths"].items() if methods.get("get", {}).get("security") == []
    }
    assert probes == {"/health", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"}
    predict = document["paths"]["/predict"]["post"]
    assert "security" not in predict
    assert "WWW-Authenticate" in predict["responses"]["401"]["headers"]


def test_the_document_of_a_server_without_keys_asks_for_none(client: Client):
    document = client.get("/openapi.json").json()

    assert "security" not in document
    assert "401" not in document["paths"]["/predict"]["post"]["responses"]
