"""Several requests on one connection, also sent ahead of the responses (RFC 9112, section 9.3.2)."""

import time

import psutil
import pytest

from tests.app.http.conftest import SLOW_BODY
from tests.app.http.wire import (
    BOTH_PATHS,
    PROBE,
    connect,
    post,
    read_responses,
    read_statuses,
    still_serves,
    wait_for_metric,
)
from tests.app.process import SAMPLE, Process


@BOTH_PATHS
@pytest.mark.parametrize("invalid_bytes", [b"GET http:// HTTP/1.1\r\nhost: x\r\n\r\n", b"\x00\x01\r\n\r\n"])
@pytest.mark.parametrize("body", [SAMPLE, SLOW_BODY], ids=["quick", "slow"])
def test_a_request_gets_its_response_even_if_invalid_bytes_follow_it(
    slow_server: Process, path: bytes, invalid_bytes: bytes, body: bytes
):
    with connect(slow_server) as connection:
        connection.sendall(post(path, body) + invalid_bytes)

        assert read_statuses(connection) == [200, 400]
    wait_for_metric(slow_server, "request_in_flight", 0)


@BOTH_PATHS
def test_the_head_of_a_pipelined_request_is_limited_while_the_response_is_pending(
    slow_server: Process, path: bytes
):
    with connect(slow_server) as connection:
        connection.sendall(post(path, SLOW_BODY) + b"GET / HTTP/1.1\r\n")
        connection.settimeout(0.3)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += connection.send(b"a:b\r\n" * 4000)
        except TimeoutError:
            pass
        connection.settimeout(60)

        assert read_statuses(connection) == [200, 431]
    # Little more than the kernel's buffers.
    assert sent < 20_000_000


@BOTH_PATHS
def test_the_head_of_the_next_request_must_arrive_in_time(slow_server: Process, path: bytes):
    with connect(slow_server) as connection:
        connection.sendall(post(path) + b"GET / HTTP/1.1\r\n")

        assert read_statuses(connection) == [200, 408]


@BOTH_PATHS
def test_http_1_0_keeps_the_connection_open_on_request(slow_server: Process, path: bytes):
    # RFC 9112, section 9.3 and appendix C.2.2.
    request = post(path, SAMPLE, b"connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    with connect(slow_server) as connection:
        for _ in range(2):
            connection.sendall(request)
            (response,) = read_responses(connection, 1)
            assert (response.status, response.headers["connection"]) == (200, "keep-alive")


def test_many_pipelined_requests_with_unread_responses_take_little_memory(slow_server: Process):
    process = psutil.Process(slow_server.process.pid)
    memory_before = process.memory_info().rss
    connections = [connect(slow_server) for _ in range(40)]
    for connection in connections:
        connection.setblocking(False)
        try:
            for _ in range(20):
                connection.send(PROBE * 2000)
        except BlockingIOError:
            pass
    time.sleep(1)
    memory_used = process.memory_info().rss - memory_before
    for connection in connections:
        connection.close()

    # For each connection: 16 KiB of requests, 64 KiB of responses, and the memory of its objects.
    assert memory_used < 40 * 400_000
    assert still_serves(slow_server)
