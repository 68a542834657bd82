"""Long bodies, which are received directly into their final buffer."""

import http.client
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import psutil
import pytest

from app.http.connection import READ_BYTES
from tests.app.http.wire import (
    WireResponse,
    connect,
    read_metric,
    read_only_problem,
    read_responses,
    wait_for_metric,
)
from tests.app.open_inference import LENGTH, OCTETS
from tests.app.process import Process

ROWS = 70_000
VALUES = np.arange(ROWS * 2, dtype="<f4")
"""560 kB: more than one read from the socket returns."""

JSON = json.dumps(
    {
        "inputs": [
            {
                "name": "x",
                "shape": [1, ROWS, 2],
                "datatype": "FP32",
                "parameters": {"binary_data_size": VALUES.nbytes},
            }
        ],
        "parameters": {"binary_data_output": True},
    }
).encode()
BODY = JSON + VALUES.tobytes()
HEAD = b"POST /v2/models/ragged/infer HTTP/1.1\r\nhost: x\r\ncontent-type: %b\r\n%b: %d\r\n" % (
    OCTETS.encode(),
    LENGTH.encode(),
    len(JSON),
)
REQUEST = HEAD + b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
HEAD_LENGTH = len(REQUEST) - len(BODY)
PROBE = b"GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n"

LIMIT_COPIED_BYTES = """
    from app.http import connection
    class Exchange(connection.Exchange):
        def receive(self, chunk):
            super().receive(chunk)
            assert self._body.length <= 128 * 1024, "copied"
    connection.Exchange = Exchange
"""
"""Code for the server: a request fails if more than the start of its body is not received directly."""


@pytest.fixture(scope="module")
def server(ragged, start_module: Callable[..., Process]) -> Process:
    server = start_module(ragged, before=LIMIT_COPIED_BYTES, body_timeout_seconds=1.5)
    server.wait_for("/health/ready")
    return server


@pytest.fixture
def connection(server: Process) -> Iterator[socket.socket]:
    with connect(server) as connection:
        yield connection


def is_twice_the_values(response: WireResponse) -> bool:
    assert response.status == 200, response.body
    return response.body[int(response.headers[LENGTH]) :] == (VALUES * 2).tobytes()


@pytest.mark.parametrize(
    "cuts",
    [
        [],
        [HEAD_LENGTH],
        [HEAD_LENGTH + 1],
        [20, HEAD_LENGTH + len(JSON), HEAD_LENGTH + 200_000, HEAD_LENGTH + 200_001],
        [len(REQUEST) - 1],
        [HEAD_LENGTH, len(REQUEST) - 1],
        [HEAD_LENGTH, *range(HEAD_LENGTH + 100_001, len(REQUEST), 100_001)],
    ],
    ids=[
        "one piece",
        "after the head",
        "after one byte of the body",
        "four cuts",
        "before the last byte",
        "after the head and before the last byte",
        "many pieces",
    ],
)
def test_a_long_body_is_received_completely_in_pieces_of_any_size(connection: socket.socket, cuts: list[int]):
    for start, end in zip([0, *cuts], [*cuts, len(REQUEST)], strict=True):
        connection.sendall(REQUEST[start:end])
        time.sleep(0.02)

    assert is_twice_the_values(read_responses(connection, 1)[0])


def test_the_bytes_after_a_long_body_are_the_next_request(connection: socket.socket):
    connection.sendall(REQUEST + PROBE + REQUEST)
    connection.sendall(REQUEST)

    first, second, third, fourth = read_responses(connection, 4)
    assert second.status == 200
    assert b"ragged" in second.body
    assert all(map(is_twice_the_values, (first, third, fourth)))


def test_invalid_bytes_after_a_long_body_end_the_connection(connection: socket.socket):
    connection.sendall(REQUEST)
    assert is_twice_the_values(read_responses(connection, 1)[0])
    connection.sendall(b"\x00\x01\x02\r\n\r\n")

    read_only_problem(connection, 400)


def test_bytes_after_a_long_body_are_ignored_after_connection_close(ragged, start_module):
    server = start_module(ragged)
    server.wait_for("/health/ready")
    with connect(server) as connection:
        connection.sendall(REQUEST.replace(b"host: x", b"host: x\r\nconnection: close") + b"\x00\x01\x02\r\n")

        (response,) = read_responses(connection)
    assert is_twice_the_values(response)


def test_a_long_body_that_does_not_arrive_completely_times_out(connection: socket.socket):
    connection.sendall(REQUEST[:-1])

    assert "body" in read_only_problem(connection, 408)["detail"]


def test_a_body_with_a_length_and_chunks_is_refused(connection: socket.socket):
    connection.sendall(REQUEST[:HEAD_LENGTH].replace(b"host: x", b"host: x\r\ntransfer-encoding: chunked"))

    read_only_problem(connection, 400)


def test_a_client_that_disconnects_within_a_long_body_is_counted(server: Process):
    count_before = read_metric(server, "request_count_total", 'code="499",')
    with connect(server) as connection:
        connection.sendall(REQUEST[:-1])
        wait_for_metric(server, "request_in_flight", 1)
    wait_for_metric(server, "request_in_flight", 0)

    assert read_metric(server, "request_count_total", 'code="499",') == count_before + 1


@pytest.mark.serial
def test_an_announced_length_takes_no_memory_until_a_part_of_the_body_arrives(
    ragged, start: Callable[..., Process]
):
    server = start(ragged)
    server.wait_for("/health/ready")
    process = psutil.Process(server.process.pid)
    announced, clients = 8 * 2**20, 200
    memory_before = process.memory_info().vms
    with ExitStack() as stack:
        for _ in range(clients):
            connection = stack.enter_context(connect(server))
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n?" % announced)
        wait_for_metric(server, "request_in_flight", clients)

        assert process.memory_info().vms - memory_before < clients * announced / 10


@pytest.mark.parametrize("length", [READ_BYTES, 2 * READ_BYTES, 4 * 2**20, 6 * 2**20], ids="{} bytes".format)
def test_bodies_of_any_length_are_read_plain_compressed_and_before_a_close(
    tiny, start_module: Callable[..., Process], length: int
):
    server = start_module(tiny)
    server.wait_for("/health/ready")
    body = b"[0,1,2,3,4,5" + b" " * (length - 13) + b"]"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    # Compressed with level 0, so that it is not shorter.
    stored = zlib.compress(body, level=0)
    for request_body, headers in (
        (body, {}),
        (stored, {"content-encoding": "deflate"}),
        (body, {"connection": "close"}),
    ):
        connection.request("POST", "/predict", request_body, {"content-type": "application/json", **headers})

        assert connection.getresponse().read().startswith(b'{"model_name":"tiny"')
    connection.close()
