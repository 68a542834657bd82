"""Pages of other origins: preflight requests, and the headers of responses (the Fetch standard)."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.app.http.wire import connect, read_responses
from tests.app.process import SAMPLE, Process

OURS, THEIRS = "https://app.example.com", "https://evil.example.com"
KEY = "a-key-of-this-test"
BOTH_PATHS = pytest.mark.parametrize("path", ["/predict", "/predict?x"])


def allowed_origin(response: httpx.Response) -> str | None:
    return response.headers.get("access-control-allow-origin")


def preflight(server: Process, path: str = "/predict", origin: str = OURS) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    return httpx.options(server.url + path, headers=headers)


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process], tmp_path_factory: pytest.TempPathFactory) -> Process:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(KEY)
    server = start_module(cors_origins=f"{OURS}, http://localhost:3000", api_keys_path=keys)
    server.wait_for("/health/ready")
    return server


@pytest.fixture(scope="module")
def open_server(start_module: Callable[..., Process]) -> Process:
    server = start_module(cors_origins="*")
    server.wait_for("/health/ready")
    return server


@pytest.fixture(scope="module")
def closed_server(start_module: Callable[..., Process]) -> Process:
    server = start_module()
    server.wait_for("/health/ready")
    return server


@BOTH_PATHS
@pytest.mark.parametrize("origin", [OURS, "http://localhost:3000"])
def test_a_page_of_an_allowed_origin_may_read_a_prediction(server: Process, path: str, origin: str):
    headers = {"origin": origin, "x-api-key": KEY}

    response = httpx.post(server.url + path, content=SAMPLE, headers=headers)

    assert (response.status_code, allowed_origin(response)) == (200, origin)
    assert "origin" in response.headers["vary"]
    assert "x-request-id" in response.headers["access-control-expose-headers"].split(", ")


@BOTH_PATHS
@pytest.mark.parametrize("origin", [THEIRS, "null", f"{OURS}.evil.com", f"{OURS}:443", OURS.upper(), ""])
def test_a_page_of_another_origin_may_not_read_it(server: Process, path: str, origin: str):
    headers = {"origin": origin, "x-api-key": KEY}

    response = httpx.post(server.url + path, content=SAMPLE, headers=headers)

    assert (response.status_code, allowed_origin(response)) == (200, None)
    # Without it a cache could give this response to a page of an allowed origin (Fetch, section "Caching").
    assert response.headers["vary"] == "origin"


def test_a_client_that_is_no_page_gets_vary_too(server: Process):
    response = httpx.post(f"{server.url}/predict", content=SAMPLE, headers={"x-api-key": KEY})

    assert (allowed_origin(response), response.headers["vary"]) == (None, "origin")


@BOTH_PATHS
@pytest.mark.parametrize("content", [b"?", SAMPLE])
def test_a_page_may_read_why_its_request_was_refused(server: Process, path: str, content: bytes):
    response = httpx.post(server.url + path, content=content, headers={"origin": OURS})

    assert (response.status_code, allowed_origin(response)) == (401, OURS)


def test_a_page_may_read_why_the_connection_refused_its_request(server: Process):
    with connect(server) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nhost: x\r\norigin: %b\r\nx-api-key: %b\r\n"
            b"transfer-encoding: chunked\r\n\r\nno size\r\n" % (OURS.encode(), KEY.encode())
        )
        (response,) = read_responses(connection)

    assert (response.status, response.headers["access-control-allow-origin"]) == (400, OURS)


def test_a_preflight_request_needs_no_key_and_names_what_is_allowed(server: Process):
    for path in ("/predict", "/v2/models/tiny/infer"):
        response = preflight(server, path)

        assert (response.status_code, allowed_origin(response)) == (204, OURS)
        assert response.headers["access-control-allow-methods"] == "OPTIONS, POST"
        allowed = response.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "x-api-key", "content-type", "x-request-id"} <= set(allowed)
        assert response.headers["access-control-max-age"] == "600"
        assert "origin" in response.headers["vary"]


def test_a_preflight_request_of_another_origin_is_not_allowed(server: Process):
    assert allowed_origin(preflight(server, origin=THEIRS)) is None


def test_an_options_request_of_a_client_that_is_no_page_is_no_preflight(server: Process):
    response = httpx.options(f"{server.url}/predict")

    assert response.headers["allow"] == "OPTIONS, POST"
    assert "access-control-allow-methods" not in response.headers


@BOTH_PATHS
def test_with_any_origin_allowed_the_response_is_the_same_for_all(open_server: Process, path: str):
    for headers in ({"origin": THEIRS}, {}):
        response = httpx.post(open_server.url + path, content=SAMPLE, headers=headers)

        assert (response.status_code, allowed_origin(response)) == (200, "*")
        assert "vary" not in response.headers
    assert allowed_origin(preflight(open_server, path)) == "*"


def test_credentials_are_never_allowed(server: Process, open_server: Process):
    # Keys are in headers. With credentials a browser would send the user's cookies.
    for asked in (server, open_server):
        for response in (preflight(asked), httpx.get(asked.url, headers={"origin": OURS})):
            assert "access-control-allow-credentials" not in response.headers


@BOTH_PATHS
def test_without_the_setting_no_page_of_another_origin_is_allowed(closed_server: Process, path: str):
    responses = [
        httpx.post(closed_server.url + path, content=SAMPLE, headers={"origin": OURS}),
        preflight(closed_server, path),
    ]

    for response in responses:
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert "vary" not in response.headers


def test_the_metrics_are_never_for_pages_of_other_origins(open_server: Process):
    metrics = f"http://127.0.0.1:{open_server.metrics_port}/metrics"

    assert allowed_origin(httpx.get(metrics, headers={"origin": OURS})) is None


def test_a_compressed_response_varies_with_both_headers(start: Callable[..., Process], ragged: Path):
    server = start(ragged, cors_origins=OURS)
    server.wait_for("/health/ready")
    body = str([[[0.123456789] * 400]]).encode()

    response = httpx.post(f"{server.url}/predict", content=body, headers={"accept-encoding": "gzip"})

    assert response.headers["content-encoding"] == "gzip"
    assert response.headers.get_list("vary", split_commas=True) == ["accept-encoding", "origin"]
