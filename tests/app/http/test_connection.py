"""What a client may send on a connection: huge heads, chunks, several requests, and a disconnect."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.http.conftest import SLOW_BODY
from tests.app.http.wire import (
    HEAD,
    PROBE,
    REQUEST,
    connect,
    read_metric,
    read_only_problem,
    read_responses,
    read_statuses,
    wait_for_metric,
)
from tests.app.process import SAMPLE, Process
from tests.app.wrapped import held_until

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process]) -> Process:
    server = start_module(max_body_bytes=100_000)
    server.wait_for("/health/ready")
    return server


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 70_000,
        b"GET / HTTP/1.1\r\nlong: " + b"x" * 70_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"name-%d: value\r\n" % number for number in range(5000)),
    ],
    ids=["path", "header", "headers"],
)
def test_a_huge_head_is_refused(server: Process, head: bytes):
    with connect(server) as connection:
        connection.sendall(head)

        read_only_problem(connection, 431)


def test_bytes_that_are_not_http_are_refused(server: Process):
    with connect(server) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")

        read_only_problem(connection, 400)


def test_a_body_with_a_too_large_declared_length_is_refused_before_it_arrives(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"content-length: 100001\r\n\r\n")
        (response,) = read_responses(connection, 1)

        assert response.status == 413
        assert b"larger than 100000 bytes" in response.body


def test_a_chunked_body_that_becomes_too_large_is_refused(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            connection.sendall(b"%x\r\n%b\r\n" % (40_000, b" " * 40_000))

        assert read_statuses(connection, 1) == [413]


def test_the_connection_stays_open_after_a_refused_request(server: Process):
    with connect(server) as connection:
        connection.sendall(REQUEST.replace(b"application/json", b"text/plain"))
        connection.sendall(REQUEST)

        assert read_statuses(connection, 2) == [415, 200]


def test_a_chunked_body_is_accepted_in_small_pieces(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for byte in SAMPLE:
            connection.sendall(b"1\r\n%c\r\n" % byte)
        connection.sendall(b"0\r\n\r\n")

        assert read_statuses(connection, 1) == [200]


def test_a_client_that_expects_100_continue_gets_it(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(SAMPLE))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(SAMPLE)

        assert read_statuses(connection, 1) == [200]


def test_http_1_0_and_connection_close_end_the_connection(server: Process):
    for request in (
        REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"),
        REQUEST.replace(b"host: x\r\n", b"host: x\r\nconnection: close\r\n"),
    ):
        with connect(server) as connection:
            connection.sendall(request)
            (response,) = read_responses(connection)

            assert (response.status, response.headers["connection"]) == (200, "close")


def test_pipelined_requests_are_answered_in_their_order(server: Process):
    bodies = [SAMPLE, b"?", b"[[1,1,1],[1,1,1]]", SAMPLE, b"[1]"]
    requests = [HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body) for body in bodies]
    with connect(server) as connection:
        connection.sendall(b"".join([*requests, PROBE]))

        assert read_statuses(connection, 6) == [200, 400, 200, 200, 400, 200]


def test_invalid_bytes_after_a_request_do_not_change_its_response(server: Process):
    with connect(server) as connection:
        connection.sendall(REQUEST + b"\x00\x01\x02\r\n\r\n")

        assert read_statuses(connection) == [200, 400]


def test_a_request_whose_client_disconnects_is_counted_and_removed_from_the_queue(
    start: Callable[..., Process], tmp_path: Path
):
    gate = tmp_path / "gate"
    server = start(before=held_until(gate), threads=1)
    server.wait_for("/health/ready")
    with connect(server) as busy, connect(server) as waiting:
        for connection in (busy, waiting):
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n%b" % (len(SLOW_BODY), SLOW_BODY))
        wait_for_metric(server, "request_in_flight", 2)
        waiting.close()
        wait_for_metric(server, "request_in_flight", 1)
        assert read_metric(server, "request_queue_depth") == 0
        gate.touch()
        assert read_statuses(busy, 1) == [200]

    assert read_metric(server, "request_count_total", 'code="499",') == 1
