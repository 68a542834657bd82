"""HTTP/1.1 as RFC 9110 and RFC 9112 define it, directly to a model and through the application."""

import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.app.http.conftest import SLOW_BODY
from tests.app.http.wire import (
    BOTH_PATHS,
    PROBE,
    connect,
    post,
    read_metric,
    read_only_problem,
    read_responses,
    read_statuses,
    rejected_requests,
    wait_for_metric,
)
from tests.app.process import SAMPLE, Process


@BOTH_PATHS
def test_too_many_bytes_of_trailers_are_refused(slow_server: Process, path: bytes):
    with connect(slow_server) as connection:
        body = b"%x\r\n%b\r\n0\r\n" % (len(SAMPLE), SAMPLE)
        connection.sendall(post(path, body + b"a:b\r\n" * 20_000, b"transfer-encoding: chunked"))

        read_only_problem(connection, 431)


@BOTH_PATHS
def test_trailers_are_not_used_as_headers(slow_server: Process, path: bytes):
    # RFC 9110, section 6.5.1.
    body = b"%x\r\n%b\r\n0\r\nContent-Type: text/plain\r\n\r\n" % (len(SAMPLE), SAMPLE)
    with connect(slow_server) as connection:
        connection.sendall(post(path, body, b"transfer-encoding: chunked"))

        assert read_statuses(connection, 1) == [200]


@BOTH_PATHS
def test_a_malformed_chunk_is_refused(slow_server: Process, path: bytes):
    with connect(slow_server) as connection:
        connection.sendall(post(path, b"x\r\n", b"transfer-encoding: chunked"))

        assert "chunked" in read_only_problem(connection, 400)["detail"]


@BOTH_PATHS
def test_a_body_that_does_not_arrive_in_time_is_refused(slow_server: Process, path: bytes):
    with connect(slow_server) as connection:
        connection.sendall(post(path)[:-1])

        read_only_problem(connection, 408)


@BOTH_PATHS
def test_a_client_that_disconnects_frees_its_place_in_the_queue(slow_server: Process, path: bytes):
    with connect(slow_server) as busy:
        busy.sendall(post(b"/predict", SLOW_BODY))
        wait_for_metric(slow_server, "request_in_flight", 1)
        for header_lines in ((), (b"expect: 100-continue",)):
            with connect(slow_server) as connection:
                # The request is pipelined behind another one.
                connection.sendall(PROBE + post(path, SLOW_BODY, *header_lines))
                wait_for_metric(slow_server, "request_in_flight", 2)
            wait_for_metric(slow_server, "request_in_flight", 1)
        assert read_metric(slow_server, "request_queue_depth") == 0
        assert read_statuses(busy, 1) == [200]


@BOTH_PATHS
@pytest.mark.parametrize(
    ("status", "header_lines"),
    [(415, (b"content-type: text/plain",)), (413, ())],
    ids=["wrong content type", "too large"],
)
def test_an_early_refusal_reaches_a_client_that_is_still_sending(
    slow_server: Process, path: bytes, status: int, header_lines: tuple[bytes, ...]
):
    # RFC 9112, section 9.6.
    body = b" " * 9_000_000
    for _ in range(5):
        with connect(slow_server) as connection:
            connection.sendall(post(path, body, *header_lines, b"connection: close"))

            read_only_problem(connection, status)


@BOTH_PATHS
def test_refusing_a_request_that_expects_100_continue_ends_the_connection(slow_server: Process, path: bytes):
    # RFC 9110, section 10.1.1: the server cannot know whether the client will send the body.
    with connect(slow_server) as connection:
        request = post(path, SAMPLE, b"expect: 100-continue", b"content-type: text/plain")
        connection.sendall(request.removesuffix(SAMPLE))

        read_only_problem(connection, 415)


@BOTH_PATHS
def test_a_request_that_expects_100_continue_is_told_to_continue(slow_server: Process, path: bytes):
    with connect(slow_server) as connection:
        request = post(path, SAMPLE, b"expect: 100-continue")
        connection.sendall(request.removesuffix(SAMPLE))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(SAMPLE)

        assert read_statuses(connection, 1) == [200]


def test_the_request_id_is_in_the_response_header_and_in_the_problem(slow_server: Process):
    with_id = httpx.post(f"{slow_server.url}/predict", content=b"?", headers={"x-request-id": "a-1"})
    with_trace = httpx.post(
        f"{slow_server.url}/predict?x",
        content=b"?",
        headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )
    without_either = [httpx.get(f"{slow_server.url}/nowhere") for _ in range(2)]

    for response in (with_id, with_trace, *without_either):
        assert response.json()["request_id"] == response.headers["x-request-id"]
    assert with_id.headers["x-request-id"] == "a-1"
    assert with_trace.headers["x-request-id"] == "0af7651916cd43dd8448eb211c80319c"
    first, second = without_either
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("value", ["x" * 129, "a b", "{}", '"'])
def test_an_invalid_request_id_is_replaced(slow_server: Process, value: str):
    response = httpx.get(f"{slow_server.url}/health", headers={"x-request-id": value})

    assert response.headers["x-request-id"] != value


def test_refused_requests_are_counted_by_reason(slow_server: Process):
    for request, reason in (
        (b"GET / HTTP/1.1\r\n\r\n", "invalid"),
        (b"FOO / HTTP/1.1\r\nhost: x\r\n\r\n", "not_implemented"),
        (b"GET / HTTP/1.1\r\nlong: " + b"x" * 70_000, "head_too_large"),
    ):
        rejected_before = rejected_requests(slow_server, reason)
        with connect(slow_server) as connection:
            connection.sendall(request)
            read_responses(connection)

        assert rejected_requests(slow_server, reason) == rejected_before + 1


def test_the_metrics_port_answers_while_many_silent_connections_are_open(start: Callable[..., Process]):
    server = start()
    server.wait_for("/health/ready")
    connections = [socket.create_connection(("127.0.0.1", server.metrics_port)) for _ in range(300)]
    try:
        for _ in range(3):
            assert "request_count" in httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert int(status.partition("Threads:")[2].split()[0]) < 40
        assert len(list(Path(f"/proc/{server.process.pid}/fd").iterdir())) < 150
    finally:
        for connection in connections:
            connection.close()


def test_the_server_has_logged_no_error(slow_server: Process):
    assert not [line for line in slow_server.logged() if line["level"] in ("ERROR", "CRITICAL")]
    assert slow_server.logged()
