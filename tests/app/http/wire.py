"""A client that writes and reads HTTP/1.1 byte by byte, and the metrics of the server."""

import json
import socket
import time
from typing import NamedTuple

import httpx
import pytest

from tests.app.process import SAMPLE, Process

HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
"""The start of a head, to which headers can be added."""

REQUEST = HEAD + b"content-length: %d\r\n\r\n%b" % (len(SAMPLE), SAMPLE)
PROBE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"

BOTH_PATHS = pytest.mark.parametrize(
    "path", [b"/predict", b"/predict?x"], ids=["direct", "through the application"]
)
"""A path that goes directly to the model, and one that goes through the ASGI application."""


class WireResponse(NamedTuple):
    status: int
    headers: dict[str, str]
    """Names in lower case."""

    body: bytes


def connect(server: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def post(path: bytes, body: bytes = SAMPLE, *header_lines: bytes) -> bytes:
    """Return a POST request with JSON. It has a Content-Length if no header line has a Transfer-Encoding."""
    lines = [b"POST %b HTTP/1.1" % path, b"host: x", b"content-type: application/json", *header_lines]
    if not any(line.lower().startswith(b"transfer-encoding") for line in header_lines):
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + body


def read_responses(connection: socket.socket, count: int | None = None) -> list[WireResponse]:
    """Read `count` responses; all responses until the server closes the connection, if `count` is None."""
    responses: list[WireResponse] = []
    with connection.makefile("rb") as file:
        while count is None or len(responses) < count:
            status_line = file.readline()
            if not status_line:
                break
            headers: dict[str, str] = {}
            while (header := file.readline().strip()) != b"":
                name, _, value = header.decode().partition(": ")
                headers[name.lower()] = value
            body = file.read(int(headers.get("content-length", "0")))
            responses.append(WireResponse(int(status_line.split()[1]), headers, body))
    return responses


def read_statuses(connection: socket.socket, count: int | None = None) -> list[int]:
    return [response.status for response in read_responses(connection, count)]


def read_only_problem(connection: socket.socket, status: int) -> dict:
    """Read the only response before the server closes the connection, and check that it is a problem."""
    (response,) = read_responses(connection)
    assert response.status == status, response.body
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["connection"] == "close"
    problem = json.loads(response.body)
    assert problem["status"] == status
    return problem


def still_serves(server: Process) -> bool:
    return httpx.post(f"{server.url}/predict", content=SAMPLE).status_code == 200


def read_metric(server: Process, name: str, labels: str = "") -> float:
    """Return the value of the first series of this name whose labels start with `labels`."""
    lines = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name}{{{labels}")).rpartition(" ")[2])


def rejected_requests(server: Process, reason: str) -> float:
    return read_metric(server, "request_rejected_total", f'model="tiny",reason="{reason}"')


def wait_for_metric(server: Process, name: str, value: float) -> None:
    deadline = time.monotonic() + 60
    while read_metric(server, name) != value:
        assert time.monotonic() < deadline, f"{name} is {read_metric(server, name)}"
        time.sleep(0.02)
