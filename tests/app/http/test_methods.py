"""The methods HEAD and OPTIONS."""

from collections.abc import Callable

import httpx
import pytest

from tests.app.http.wire import PROBE, connect, read_responses
from tests.app.process import Process


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process]) -> Process:
    server = start_module()
    server.wait_for("/health/ready")
    return server


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/health/live",
        "/v2",
        "/v2/models/tiny",
        "/openapi.json",
        "/",
        "/docs",
        "/web/page.css",
        "/swagger-ui/swagger-ui.css",
    ],
)
def test_head_gets_the_headers_of_get_without_the_body(server: Process, path: str):
    # RFC 9110, sections 9.1 and 9.3.2.
    get_response, head_response = httpx.get(server.url + path), httpx.head(server.url + path)

    assert (head_response.status_code, head_response.content) == (200, b"")
    for name in ("content-type", "content-length"):
        assert head_response.headers[name] == get_response.headers[name]


def test_head_is_not_allowed_on_a_post_path(server: Process):
    response = httpx.head(f"{server.url}/predict")

    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/predict", "OPTIONS, POST"),
        ("/health/live", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
        ("/web/page.css", "GET, HEAD, OPTIONS"),
        ("/swagger-ui/swagger-ui.css", "GET, HEAD, OPTIONS"),
        ("/v2/models/tiny/infer", "OPTIONS, POST"),
        ("*", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_options_returns_the_allowed_methods(server: Process, path: str, allowed: str):
    # RFC 9110, section 9.3.7.
    with connect(server) as connection:
        connection.sendall(f"OPTIONS {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode() + PROBE)
        options_response, probe_response = read_responses(connection, 2)

    assert (options_response.status, options_response.headers["allow"]) == (204, allowed)
    assert "content-length" not in options_response.headers
    assert probe_response.status == 200
