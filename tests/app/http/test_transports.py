"""A request gets the same response directly and through the application."""

import gzip
import json
import socket
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from tests.app.open_inference import LENGTH, OCTETS, TINY, binary, packed
from tests.app.process import Process

PREDICT = "/predict"
INFER = "/v2/models/tiny/infer"
SAMPLE = b"[[0,1,2],[3,4,5]]"
V2_REQUEST = json.dumps({"inputs": [TINY], "id": "1"}).encode()
BINARY_HEADER = json.dumps(
    {"inputs": [binary(TINY, 24)], "parameters": {"binary_data_output": True}}
).encode()
SIX_VALUES = packed("FP32", TINY["data"])
LARGE_BATCH = json.dumps([[0] * 6] * 64).encode()

Headers = dict[str, str]


@pytest.fixture(scope="module")
def server(tiny, start_module: Callable[..., Process]) -> Process:
    server = start_module(tiny, batch_size=64, max_body_bytes=2000)
    server.wait_for("/health/ready")
    return server


def send(server: Process, data: bytes) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
    """Send bytes; return status line, headers without the date, and body of each response until the end."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    responses: list[tuple[bytes, dict[bytes, bytes], bytes]] = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        assert headers.pop(b"date", None) or b" 100 " in status
        length = int(headers.get(b"content-length", 0))
        responses.append((status, headers, received[:length]))
        received = received[length:]
    return responses


def request(path: str, body: bytes, headers: Headers, version: str = "1.1") -> bytes:
    all_headers = {"host": "x", "x-request-id": "1", "content-length": str(len(body)), **headers}
    lines = [
        f"POST {path} HTTP/{version}",
        *(f"{name}: {value}" for name, value in all_headers.items() if value),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send_both(server: Process, request_for: Callable[[str], bytes], path: str):
    """Send the request for a path directly, and through the application by adding a query."""
    return send(server, request_for(path)), send(server, request_for(f"{path}?x=1"))


CLOSE = {"connection": "close"}
CASES: dict[str, tuple[int, str, bytes, Headers]] = {
    "a sample": (200, PREDICT, SAMPLE, {}),
    "a batch compressed": (200, PREDICT, LARGE_BATCH, {"accept-encoding": "gzip"}),
    "octets": (200, PREDICT, np.zeros(6, "<f4").tobytes(), {"content-type": OCTETS}),
    "gzip": (200, PREDICT, gzip.compress(SAMPLE), {"content-encoding": "gzip"}),
    "deflate": (200, PREDICT, zlib.compress(SAMPLE), {"content-encoding": "Deflate"}),
    "parameters": (200, PREDICT, SAMPLE, {"Content-Type": "Application/JSON; charset=utf-8"}),
    "a request": (200, INFER, V2_REQUEST, {}),
    "a request of a version": (200, "/v2/models/tiny/versions/0123456789ab/infer", V2_REQUEST, {}),
    "binary": (
        200,
        INFER,
        BINARY_HEADER + SIX_VALUES,
        {LENGTH: str(len(BINARY_HEADER)), "content-type": OCTETS},
    ),
    "no body": (400, PREDICT, b"", {}),
    "no JSON": (400, PREDICT, b"?", {}),
    "no request": (400, INFER, b"{}", {}),
    "a wrong shape": (400, PREDICT, b"[[0]]", {}),
    "an infinite answer": (400, PREDICT, b"[3e38,3e38,3e38,3e38,3e38,3e38]", {}),
    "a wrong length": (400, INFER, BINARY_HEADER + SIX_VALUES, {LENGTH: "9999"}),
    "no length": (400, INFER, BINARY_HEADER + SIX_VALUES, {LENGTH: "-1"}),
    "no gzip": (400, PREDICT, SAMPLE, {"content-encoding": "gzip"}),
    "no timeout": (400, PREDICT, SAMPLE, {"x-envoy-expected-rq-timeout-ms": "soon"}),
    "an unknown coding": (415, PREDICT, SAMPLE, {"content-encoding": "br"}),
    "an unknown type": (415, PREDICT, SAMPLE, {"content-type": "text/plain"}),
    "no deadline left": (504, PREDICT, SAMPLE, {"x-envoy-expected-rq-timeout-ms": "0"}),
    "too many samples": (413, PREDICT, json.dumps([[0] * 6] * 65).encode(), {}),
    "too many bytes": (413, PREDICT, SAMPLE + b" " * 2000, {}),
    "too many bytes in the end": (413, PREDICT, gzip.compress(b" " * 3000), {"content-encoding": "gzip"}),
    "an unknown model": (404, "/v2/models/none/infer", V2_REQUEST, {}),
    "an unknown version": (404, "/v2/models/tiny/versions/none/infer", V2_REQUEST, {}),
    "an unknown path": (404, "/predict/", SAMPLE, {}),
}


@pytest.mark.parametrize(("status", "path", "body", "headers"), CASES.values(), ids=CASES)
def test_a_request_gets_the_same_response_directly_and_through_the_application(
    server: Process, status: int, path: str, body: bytes, headers: Headers
):
    direct, through_app = send_both(server, lambda path: request(path, body, headers | CLOSE), path)

    assert [response[0].split()[1] for response in direct] == [str(status).encode()]
    assert direct == through_app


def chunked(path: str) -> bytes:
    head = request(path, b"", {"transfer-encoding": "chunked", "content-length": "", **CLOSE})
    return (
        head
        + b"".join(b"%x\r\n%b\r\n" % (1, SAMPLE[index : index + 1]) for index in range(len(SAMPLE)))
        + b"0\r\n\r\n"
    )


def two_requests(path: str) -> bytes:
    return request(path, SAMPLE, {}) + request(path, b"?", CLOSE)


def repeated_header(path: str) -> bytes:
    return request(path, SAMPLE, CLOSE).replace(
        b"host:", b"content-type: a/b\r\ncontent-type: text/plain\r\nhost:"
    )


FRAMINGS: dict[str, tuple[list[int], Callable[[str], bytes]]] = {
    "in chunks": ([200], chunked),
    "two pipelined requests": ([200, 400], two_requests),
    "with a repeated header": ([415], repeated_header),
    "in HTTP 1.0": ([200], lambda path: request(path, SAMPLE, {}, "1.0")),
    "two requests in HTTP 1.0": (
        [200, 200],
        lambda path: (
            request(path, SAMPLE, {"connection": "keep-alive"}, "1.0") + request(path, SAMPLE, {}, "1.0")
        ),
    ),
    "without waiting for 100 Continue": (
        [200],
        lambda path: request(path, SAMPLE, {"expect": "100-continue"} | CLOSE),
    ),
    "with a too large declared length": (
        [413],
        lambda path: request(path, b"", {"content-length": "9999"} | CLOSE),
    ),
    "with a too large body and another request": (
        [413, 200],
        lambda path: request(path, SAMPLE + b" " * 5000, {}) + request(path, SAMPLE, CLOSE),
    ),
}


@pytest.mark.parametrize(("statuses", "request_for"), FRAMINGS.values(), ids=FRAMINGS)
def test_every_framing_gets_the_same_response_directly_and_through_the_application(
    server: Process, statuses: list[int], request_for: Callable[[str], bytes]
):
    direct, through_app = send_both(server, request_for, PREDICT)

    assert [int(response[0].split()[1]) for response in direct] == statuses
    assert direct == through_app


def test_the_two_paths_are_handled_by_different_code(tiny, start_module: Callable[..., Process]):
    failing_application = """
        from app.http import api
        async def fail(*_):
            raise RuntimeError("the application")
        api._infer = fail
    """
    server = start_module(tiny, before=failing_application)
    server.wait_for("/health/ready")

    direct, through_app = send_both(server, lambda path: request(path, SAMPLE, CLOSE), PREDICT)

    assert direct[0][0] == b"HTTP/1.1 200 OK"
    assert through_app[0][0].startswith(b"HTTP/1.1 500 ")
