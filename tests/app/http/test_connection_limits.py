"""The limits of a connection: on its duration, on the number of connections, and on unread responses."""

import select
import time
from collections.abc import Callable

import httpx
import pytest

from tests.app.http.wire import (
    HEAD,
    REQUEST,
    connect,
    read_only_problem,
    read_responses,
    read_statuses,
    rejected_requests,
    still_serves,
)
from tests.app.process import Process

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process]) -> Process:
    server = start_module(
        head_timeout_seconds=1,
        body_timeout_seconds=1.5,
        keep_alive_seconds=2,
        max_connections=20,
    )
    server.wait_for("/health/ready")
    return server


def test_a_head_that_does_not_arrive_completely_times_out(server: Process):
    start = time.monotonic()
    with connect(server) as connection:
        # Bytes go on arriving until there is a response: they must not put it off.
        for _ in range(300):
            connection.sendall(b"x")
            if select.select([connection], [], [], 0.1)[0]:
                break
        else:
            pytest.fail("no response while bytes go on arriving")

        assert "did not arrive in time" in read_only_problem(connection, 408)["detail"]
    assert time.monotonic() - start > 1


def test_a_connection_without_a_request_times_out(server: Process):
    with connect(server) as connection:
        read_only_problem(connection, 408)


def test_a_body_that_does_not_arrive_completely_times_out(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"content-length: 100\r\n\r\n[0,")

        assert "body" in read_only_problem(connection, 408)["detail"]


def test_an_idle_connection_is_closed_without_a_response(server: Process):
    with connect(server) as connection:
        start = time.monotonic()
        connection.sendall(REQUEST)
        assert read_statuses(connection, 1) == [200]

        assert read_responses(connection) == []
        assert time.monotonic() - start > 2


def test_a_client_that_does_not_read_is_first_not_read_from_and_then_disconnected(server: Process):
    sent = 0
    with connect(server) as connection:
        connection.settimeout(0.5)
        block = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 200
        deadline = time.monotonic() + 60
        disconnected = blocked = False
        while time.monotonic() < deadline and not disconnected:
            try:
                sent += connection.send(block)
            except TimeoutError:
                # The server reads nothing more, and the kernel's buffers are full.
                blocked = True
            except OSError:
                disconnected = True

        assert blocked
        assert disconnected
    # Little more than the kernel's buffers: the server keeps no responses in memory.
    assert sent < 20_000_000
    assert still_serves(server)


def test_above_the_limit_a_new_connection_replaces_the_one_that_is_idle_longest(server: Process):
    connections = [connect(server) for _ in range(20)]
    try:
        for connection in connections:
            connection.sendall(REQUEST)
            assert read_statuses(connection, 1) == [200]

        assert still_serves(server)

        assert read_responses(connections[0]) == []
        connections[-1].sendall(REQUEST)
        assert read_statuses(connections[-1], 1) == [200]
    finally:
        for connection in connections:
            connection.close()


def test_if_all_connections_are_busy_new_ones_answer_only_health_probes(server: Process):
    rejected_before = rejected_requests(server, "connections")
    connections = [connect(server) for _ in range(20)]
    try:
        for connection in connections:
            connection.sendall(HEAD)
        time.sleep(0.2)
        with connect(server) as connection:
            connection.sendall(REQUEST)
            (response,) = read_responses(connection)
        for path in ("/health", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"):
            assert httpx.get(server.url + path).status_code == 200
    finally:
        for connection in connections:
            connection.close()

    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert rejected_requests(server, "connections") == rejected_before + 1
    assert [line for line in server.logged() if line.get("reason") == "connections"]
    time.sleep(0.1)
    assert still_serves(server)


def test_connections_with_incomplete_heads_do_not_block_health_probes(server: Process):
    connections = [connect(server) for _ in range(150)]
    try:
        for connection in connections:
            connection.sendall(b"G")

        assert httpx.get(f"{server.url}/health/live").status_code == 200
    finally:
        for connection in connections:
            connection.close()
