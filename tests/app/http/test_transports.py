"""The direct way to a model and the way through the application answer the same."""

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
V2 = json.dumps({"inputs": [TINY], "id": "1"}).encode()
HEAD = json.dumps({"inputs": [binary(TINY, 24)], "parameters": {"binary_data_output": True}}).encode()
SIX = packed("FP32", TINY["data"])
LONG = json.dumps([[0] * 6] * 64).encode()

Headers = dict[str, str]


@pytest.fixture(scope="module")
def server(tiny, start_module: Callable[..., Process]) -> Process:
    server = start_module(tiny, batch_size=64, max_body_bytes=2000)
    server.wait_for("/health/ready")
    return server


def exchange(server: Process, *sent: bytes) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
    """Send bytes; return status line, headers (but for the date) and body of each answer until the end."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for part in sent:
            connection.sendall(part)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    answers: list[tuple[bytes, dict[bytes, bytes], bytes]] = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        assert headers.pop(b"date", None) or b" 100 " in status
        length = int(headers.get(b"content-length", 0))
        answers.append((status, headers, received[:length]))
        received = received[length:]
    return answers


def request(path: str, body: bytes, headers: Headers, version: str = "1.1") -> bytes:
    given = {"host": "x", "x-request-id": "1", "content-length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/{version}", *(f"{name}: {value}" for name, value in given.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def both(server: Process, write: Callable[[str], bytes], path: str):
    """Send what is written for a path both ways: nothing but a query tells them apart."""
    return exchange(server, write(path)), exchange(server, write(f"{path}?x=1"))


CLOSE = {"connection": "close"}
CASES: dict[str, tuple[int, str, bytes, Headers]] = {
    "a sample": (200, PREDICT, SAMPLE, {}),
    "a batch compressed": (200, PREDICT, LONG, {"accept-encoding": "gzip"}),
    "octets": (200, PREDICT, np.zeros(6, "<f4").tobytes(), {"content-type": OCTETS}),
    "gzip": (200, PREDICT, gzip.compress(SAMPLE), {"content-encoding": "gzip"}),
    "deflate": (200, PREDICT, zlib.compress(SAMPLE), {"content-encoding": "Deflate"}),
    "parameters": (200, PREDICT, SAMPLE, {"Content-Type": "Application/JSON; charset=utf-8"}),
    "a request": (200, INFER, V2, {}),
    "a request of a version": (200, "/v2/models/tiny/versions/0123456789ab/infer", V2, {}),
    "binary": (200, INFER, HEAD + SIX, {LENGTH: str(len(HEAD)), "content-type": OCTETS}),
    "no body": (400, PREDICT, b"", {}),
    "no JSON": (400, PREDICT, b"?", {}),
    "no request": (400, INFER, b"{}", {}),
    "a wrong shape": (400, PREDICT, b"[[0]]", {}),
    "an infinite answer": (400, PREDICT, b"[3e38,3e38,3e38,3e38,3e38,3e38]", {}),
    "a wrong length": (400, INFER, HEAD + SIX, {LENGTH: "9999"}),
    "no length": (400, INFER, HEAD + SIX, {LENGTH: "-1"}),
    "no gzip": (400, PREDICT, SAMPLE, {"content-encoding": "gzip"}),
    "no timeout": (400, PREDICT, SAMPLE, {"x-envoy-expected-rq-timeout-ms": "soon"}),
    "an unknown coding": (415, PREDICT, SAMPLE, {"content-encoding": "br"}),
    "an unknown type": (415, PREDICT, SAMPLE, {"content-type": "text/plain"}),
    "no deadline left": (504, PREDICT, SAMPLE, {"x-envoy-expected-rq-timeout-ms": "0"}),
    "too many samples": (413, PREDICT, json.dumps([[0] * 6] * 65).encode(), {}),
    "too many bytes": (413, PREDICT, SAMPLE + b" " * 2000, {}),
    "too many bytes in the end": (413, PREDICT, gzip.compress(b" " * 3000), {"content-encoding": "gzip"}),
    "an unknown model": (404, "/v2/models/none/infer", V2, {}),
    "an unknown version": (404, "/v2/models/tiny/versions/none/infer", V2, {}),
    "an unknown path": (404, "/predict/", SAMPLE, {}),
}


@pytest.mark.parametrize(("status", "path", "body", "headers"), CASES.values(), ids=CASES)
def test_a_request_is_answered_the_same_both_ways(
    server: Process, status: int, path: str, body: bytes, headers: Headers
):
    direct, routed = both(server, lambda path: request(path, body, headers | CLOSE), path)

    assert [answer[0].split()[1] for answer in direct] == [str(status).encode()]
    assert direct == routed


def chunked(path: str) -> bytes:
    head = request(path, b"", {"transfer-encoding": "chunked", "content-length": "", **CLOSE})
    return (
        head
        + b"".join(b"%x\r\n%b\r\n" % (1, SAMPLE[at : at + 1]) for at in range(len(SAMPLE)))
        + b"0\r\n\r\n"
    )


def twice(path: str) -> bytes:
    return request(path, SAMPLE, {}) + request(path, b"?", CLOSE)


def repeated(path: str) -> bytes:
    return request(path, SAMPLE, CLOSE).replace(
        b"host:", b"content-type: a/b\r\ncontent-type: text/plain\r\nhost:"
    )


WAYS: dict[str, tuple[list[int], Callable[[str], bytes]]] = {
    "in chunks": ([200], chunked),
    "one after the other at once": ([200, 400], twice),
    "with a header twice": ([415], repeated),
    "in HTTP 1.0": ([200], lambda path: request(path, SAMPLE, {}, "1.0")),
    "in HTTP 1.0 and more to come": (
        [200, 200],
        lambda path: (
            request(path, SAMPLE, {"connection": "keep-alive"}, "1.0") + request(path, SAMPLE, {}, "1.0")
        ),
    ),
    "without waiting to be told to go on": (
        [200],
        lambda path: request(path, SAMPLE, {"expect": "100-continue"} | CLOSE),
    ),
    "too long by its own word": ([413], lambda path: request(path, b"", {"content-length": "9999"} | CLOSE)),
    "with more to follow": (
        [413, 200],
        lambda path: request(path, SAMPLE + b" " * 5000, {}) + request(path, SAMPLE, CLOSE),
    ),
}


@pytest.mark.parametrize(("statuses", "write"), WAYS.values(), ids=WAYS)
def test_however_it_comes_it_is_answered_the_same_both_ways(
    server: Process, statuses: list[int], write: Callable[[str], bytes]
):
    direct, routed = both(server, write, PREDICT)

    assert [int(answer[0].split()[1]) for answer in direct] == statuses
    assert direct == routed


def test_the_ways_differ(tiny, start_module: Callable[..., Process]):
    before = """
        from app.http import api
        async def gone(*_):
            raise RuntimeError("the application")
        api._infer = gone
    """
    server = start_module(tiny, before=before)
    server.wait_for("/health/ready")

    direct, routed = both(server, lambda path: request(path, SAMPLE, CLOSE), PREDICT)

    assert direct[0][0] == b"HTTP/1.1 200 OK"
    assert routed[0][0].startswith(b"HTTP/1.1 500 ")
