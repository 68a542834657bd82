"""A server behind a proxy that serves it under a path, and removes that path from requests or does not."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from app.http.routes import inference_routes
from app.serving.service import Service
from tests.app.http.wire import connect, read_responses
from tests.app.process import SAMPLE, Process

ROOT = "/models/tiny"
PATHS = [
    "/",
    "/docs",
    "/openapi.json",
    "/web/page.js",
    "/web/model.json",
    "/swagger-ui/swagger-ui.css",
    "/health/ready",
    "/v2",
    "/v2/health/live",
    "/v2/models/tiny",
    "/v2/models/tiny/versions/0123456789ab/ready",
]
KEEPS = pytest.mark.parametrize("prefix", ["", ROOT], ids=["removed", "kept"])
"""What the proxy leaves of the root path in front of the path of a request."""


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process]) -> Iterator[Process]:
    server = start_module(root_path=ROOT)
    server.wait_for("/health/ready")
    return server


@KEEPS
@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_found_with_and_without_the_root_path(server: Process, prefix: str, path: str):
    response = httpx.get(f"{server.url}{prefix}{path}")

    assert response.status_code == 200, response.text
    assert response.content == httpx.get(f"{server.url}{path}").content


@KEEPS
@pytest.mark.parametrize("path", ["/predict", "/predict?x"])
def test_a_prediction_is_made_with_and_without_the_root_path(server: Process, prefix: str, path: str):
    assert httpx.post(f"{server.url}{prefix}{path}", content=SAMPLE).status_code == 200


@KEEPS
def test_options_names_the_methods_of_a_path_and_of_the_server(server: Process, prefix: str):
    with connect(server) as connection:
        for target in (f"{prefix}/predict", "*"):
            connection.sendall(f"OPTIONS {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        of_path, of_server = read_responses(connection, 2)

    assert (of_path.status, of_path.headers["allow"]) == (204, "OPTIONS, POST")
    assert (of_server.status, of_server.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


def test_predictions_below_the_root_path_go_directly_to_the_model(tiny: Path, serve: Callable[..., Service]):
    routes = inference_routes(serve(tiny, root_path=ROOT))

    assert {path for path in routes if path.endswith(b"/predict")} == {b"/predict", b"/models/tiny/predict"}


@pytest.mark.parametrize("path", ["/models", "/models/tin", "/models/tinypredict", f"{ROOT}{ROOT}/health"])
def test_no_other_prefix_is_removed(server: Process, path: str):
    assert httpx.get(server.url + path).status_code == 404


@pytest.mark.parametrize("page", ["", "/", "/docs"])
def test_the_addresses_in_a_page_are_below_the_root_path(server: Process, page: str):
    response = httpx.get(f"{server.url}{ROOT}{page}")
    (base,) = re.findall(r'<base href="([^"]+)">', response.text)

    assert base == f"{ROOT}/"
    assert "base-uri 'self'" in response.headers["content-security-policy"]
    for address in re.findall(r'(?:href|src)="([^"]+)"', response.text):
        if address != base:
            assert httpx.get(server.url + urljoin(base, address)).status_code == 200, address


def test_the_openapi_document_names_the_root_path(server: Process):
    assert httpx.get(f"{server.url}/openapi.json").json()["servers"] == [{"url": ROOT}]


def test_a_wrong_method_is_counted_below_the_root_path_too(server: Process):
    metrics = f"http://127.0.0.1:{server.metrics_port}/metrics"
    series = r'request_rejected_total\{model="tiny",reason="method",version="\w+"\} ([\d.]+)'

    def count() -> float:
        return float(re.findall(series, httpx.get(metrics).text)[0])

    before = count()
    httpx.get(f"{server.url}{ROOT}/predict")

    assert count() == before + 1


def test_keys_are_needed_below_the_root_path_too(start: Callable[..., Process], tmp_path: Path):
    keys = tmp_path / "keys"
    keys.write_text("a-key-of-this-test")
    server = start(root_path=ROOT, api_keys_path=keys)
    server.wait_for("/health/ready")

    for prefix in ("", ROOT):
        for path in ("/predict", "/predict?x"):
            url = f"{server.url}{prefix}{path}"
            assert httpx.post(url, content=SAMPLE).status_code == 401
            assert httpx.post(url, content=SAMPLE, headers={"x-api-key": keys.read_text()}).is_success
        for path in ("/", "/docs", "/openapi.json", "/web/model.json", "/health/ready"):
            assert httpx.get(f"{server.url}{prefix}{path}").status_code == 200
    assert httpx.get(f"{server.url}{ROOT}").status_code == 200
    assert httpx.get(f"{server.url}{ROOT}{ROOT}/docs").status_code == 401
