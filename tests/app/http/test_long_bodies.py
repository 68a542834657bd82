"""Long bodies: written where they belong as they arrive, however they are cut and whatever follows."""

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
from tests.app.http.test_connection import answers, connect, metric, only_answer, wait_for_metric
from tests.app.open_inference import LENGTH, OCTETS
from tests.app.process import Process

ROWS = 70_000
VALUES = np.arange(ROWS * 2, dtype="<f4")
"""560 kB: more than the event loop or the kernel takes at once."""

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
START = len(REQUEST) - len(BODY)
SHORT = b"GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n"

BEFORE = """
    from app.http import connection
    class Exchange(connection.Exchange):
        def receive(self, chunk):
            super().receive(chunk)
            assert self._body.length <= 128 * 1024, "copied"
    connection.Exchange = Exchange
"""
"""Lets a request fail where more of its body goes through the parser than its start."""


@pytest.fixture(scope="module")
def server(ragged, start_module: Callable[..., Process]) -> Process:
    server = start_module(ragged, before=BEFORE, body_timeout_seconds=1.5)
    server.wait_for("/health/ready")
    return server


@pytest.fixture
def connection(server: Process) -> Iterator[socket.socket]:
    with connect(server) as connection:
        yield connection


def is_twice_the_values(answer: tuple[int, dict[str, str], bytes]) -> bool:
    code, headers, body = answer
    assert code == 200, body
    return body[int(headers[LENGTH]) :] == (VALUES * 2).tobytes()


@pytest.mark.parametrize(
    "cuts",
    [
        [],
        [START],
        [START + 1],
        [20, START + len(JSON), START + 200_000, START + 200_001],
        [len(REQUEST) - 1],
        [START, len(REQUEST) - 1],
        [START, *range(START + 100_001, len(REQUEST), 100_001)],
    ],
    ids=["whole", "head", "a byte", "pieces", "but a byte", "head and but a byte", "odd pieces"],
)
def test_a_long_body_arrives_whole_however_it_is_cut(connection: socket.socket, cuts: list[int]):
    for start, end in zip([0, *cuts], [*cuts, len(REQUEST)], strict=True):
        connection.sendall(REQUEST[start:end])
        time.sleep(0.02)

    assert is_twice_the_values(answers(connection, 1)[0])


def test_what_follows_a_long_body_is_a_request_of_its_own(connection: socket.socket):
    connection.sendall(REQUEST + SHORT + REQUEST)
    connection.sendall(REQUEST)

    first, second, third, fourth = answers(connection, 4)
    assert second[0] == 200
    assert b"ragged" in second[2]
    assert all(map(is_twice_the_values, (first, third, fourth)))


def test_what_follows_a_long_body_and_is_no_request_ends_the_connection(connection: socket.socket):
    connection.sendall(REQUEST)
    assert is_twice_the_values(answers(connection, 1)[0])
    connection.sendall(b"\x00\x01\x02\r\n\r\n")

    only_answer(connection, 400)


def test_what_follows_a_long_body_is_ignored_where_it_was_to_be_the_last(ragged, start_module):
    server = start_module(ragged)
    server.wait_for("/health/ready")
    with connect(server) as connection:
        connection.sendall(REQUEST.replace(b"host: x", b"host: x\r\nconnection: close") + b"\x00\x01\x02\r\n")

        (only,) = answers(connection)
    assert is_twice_the_values(only)


def test_a_long_body_that_does_not_end_is_given_up(connection: socket.socket):
    connection.sendall(REQUEST[:-1])

    assert "body" in only_answer(connection, 408)["detail"]


def test_a_body_of_two_lengths_is_refused(connection: socket.socket):
    connection.sendall(REQUEST[:START].replace(b"host: x", b"host: x\r\ntransfer-encoding: chunked"))

    only_answer(connection, 400)


def test_a_client_that_leaves_within_a_long_body_is_counted_and_forgotten(server: Process):
    before = metric(server, "request_count_total", 'code="499",')
    with connect(server) as connection:
        connection.sendall(REQUEST[:-1])
        wait_for_metric(server, "request_in_flight", 1)
    wait_for_metric(server, "request_in_flight", 0)

    assert metric(server, "request_count_total", 'code="499",') == before + 1


@pytest.mark.serial
def test_what_is_announced_takes_no_memory_until_a_part_of_it_comes(ragged, start: Callable[..., Process]):
    server = start(ragged)
    server.wait_for("/health/ready")
    process = psutil.Process(server.process.pid)
    announced, clients = 8 * 2**20, 200
    before = process.memory_info().vms
    with ExitStack() as stack:
        for _ in range(clients):
            connection = stack.enter_context(connect(server))
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n?" % announced)
        wait_for_metric(server, "request_in_flight", clients)

        assert process.memory_info().vms - before < clients * announced / 10


@pytest.mark.parametrize("length", [READ_BYTES, 2 * READ_BYTES, 4 * 2**20, 6 * 2**20], ids="{} bytes".format)
def test_a_body_of_any_length_and_kind_is_read(tiny, start_module: Callable[..., Process], length: int):
    server = start_module(tiny)
    server.wait_for("/health/ready")
    body = b"[0,1,2,3,4,5" + b" " * (length - 13) + b"]"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    # Compressed, yet as long.
    stored = zlib.compress(body, level=0)
    for sent, headers in (
        (body, {}),
        (stored, {"content-encoding": "deflate"}),
        (body, {"connection": "close"}),
    ):
        connection.request("POST", "/predict", sent, {"content-type": "application/json", **headers})

        assert connection.getresponse().read().startswith(b'{"model_name":"tiny"')
    connection.close()
