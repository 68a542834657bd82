"""What a client can do to a connection: come slowly, come in pieces, not read, not go."""

import json
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.app.process import SAMPLE, Process
from tests.app.wrapped import held_until

pytestmark = pytest.mark.serial

HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
REQUEST = HEAD + b"content-length: %d\r\n\r\n%b" % (len(SAMPLE), SAMPLE)


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process]) -> Process:
    server = start_module(
        head_timeout_seconds=1,
        body_timeout_seconds=1.5,
        keep_alive_seconds=2,
        max_body_bytes=100_000,
        max_connections=20,
    )
    server.wait_for("/health/ready")
    return server


def connect(server: Process) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def answers(connection: socket.socket, count: int | None = None) -> list[tuple[int, dict[str, str], bytes]]:
    """Read so many answers, or all until the server closes."""
    found: list[tuple[int, dict[str, str], bytes]] = []
    with connection.makefile("rb") as file:
        while count is None or len(found) < count:
            line = file.readline()
            if not line:
                break
            headers: dict[str, str] = {}
            while (header := file.readline().strip()) != b"":
                name, _, value = header.decode().partition(": ")
                headers[name.lower()] = value
            body = file.read(int(headers.get("content-length", "0")))
            found.append((int(line.split()[1]), headers, body))
    return found


def only_answer(connection: socket.socket, status: int) -> dict:
    """The one answer before the server closes: a problem."""
    ((code, headers, body),) = answers(connection)
    assert code == status, body
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert json.loads(body)["status"] == status
    return json.loads(body)


def still_serves(server: Process) -> bool:
    return httpx.post(f"{server.url}/predict", content=SAMPLE).status_code == 200


def test_a_head_that_does_not_end_is_given_up(server: Process):
    began = time.monotonic()
    with connect(server) as connection:
        # Bytes go on coming until there is an answer: they must not put it off.
        for _ in range(300):
            connection.sendall(b"x")
            if select.select([connection], [], [], 0.1)[0]:
                break
        else:
            pytest.fail("no answer while bytes go on coming")

        assert "did not arrive in time" in only_answer(connection, 408)["detail"]
    assert time.monotonic() - began > 1


def test_a_connection_that_says_nothing_is_given_up(server: Process):
    with connect(server) as connection:
        only_answer(connection, 408)


def test_a_body_that_does_not_end_is_given_up(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"content-length: 100\r\n\r\n[0,")

        assert "body" in only_answer(connection, 408)["detail"]


def test_an_idle_connection_is_closed_without_a_word(server: Process):
    with connect(server) as connection:
        began = time.monotonic()
        connection.sendall(REQUEST)
        assert [code for code, _, _ in answers(connection, 1)] == [200]

        assert answers(connection) == []
        assert time.monotonic() - began > 2


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

        only_answer(connection, 431)


def test_what_is_no_http_is_refused(server: Process):
    with connect(server) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")

        only_answer(connection, 400)


def test_a_body_that_declares_too_much_is_refused_before_it_comes(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"content-length: 100001\r\n\r\n")
        ((code, _, body),) = answers(connection, 1)

        assert code == 413
        assert b"larger than 100000 bytes" in body


def test_a_body_in_chunks_that_grows_too_large_is_refused(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            connection.sendall(b"%x\r\n%b\r\n" % (40_000, b" " * 40_000))
        ((code, _, _),) = answers(connection, 1)

        assert code == 413


def test_after_a_refusal_the_connection_serves_on(server: Process):
    with connect(server) as connection:
        connection.sendall(REQUEST.replace(b"application/json", b"text/plain"))
        connection.sendall(REQUEST)

        assert [code for code, _, _ in answers(connection, 2)] == [415, 200]


def test_a_body_may_come_in_chunks_and_in_pieces(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for byte in SAMPLE:
            connection.sendall(b"1\r\n%c\r\n" % byte)
        connection.sendall(b"0\r\n\r\n")

        assert [code for code, _, _ in answers(connection, 1)] == [200]


def test_a_client_may_ask_whether_to_go_on(server: Process):
    with connect(server) as connection:
        connection.sendall(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(SAMPLE))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(SAMPLE)

        assert [code for code, _, _ in answers(connection, 1)] == [200]


def test_the_old_protocol_and_those_who_say_so_are_closed(server: Process):
    for request in (
        REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"),
        REQUEST.replace(b"host: x\r\n", b"host: x\r\nconnection: close\r\n"),
    ):
        with connect(server) as connection:
            connection.sendall(request)
            ((code, headers, _),) = answers(connection)

            assert (code, headers["connection"]) == (200, "close")


def test_requests_sent_ahead_are_answered_in_their_order(server: Process):
    bodies = [SAMPLE, b"?", b"[[1,1,1],[1,1,1]]", SAMPLE, b"[1]"]
    sent = [HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body) for body in bodies]
    probe = b"GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(b"".join([*sent, probe]))

        codes = [code for code, _, _ in answers(connection, 6)]
    assert codes == [200, 400, 200, 200, 400, 200]


def test_nothing_that_follows_a_request_is_taken_for_its_answer(server: Process):
    with connect(server) as connection:
        connection.sendall(REQUEST + b"\x00\x01\x02\r\n\r\n")

        assert [code for code, _, _ in answers(connection)] == [200, 400]


def test_a_client_that_does_not_read_stops_being_read_and_is_let_go(server: Process):
    sent = 0
    with connect(server) as connection:
        connection.settimeout(0.5)
        block = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 200
        deadline = time.monotonic() + 60
        let_go = stopped = False
        while time.monotonic() < deadline and not let_go:
            try:
                sent += connection.send(block)
            except TimeoutError:
                # Nothing is taken any more: the kernel's buffers are full.
                stopped = True
            except OSError:
                let_go = True

        assert stopped
        assert let_go
    # What lies in the kernel's buffers, and no more: the server kept no answers for it.
    assert sent < 20_000_000
    assert still_serves(server)


def test_an_idle_connection_gives_way_to_a_new_one_the_longest_idle_first(server: Process):
    held = [connect(server) for _ in range(20)]
    try:
        for connection in held:
            connection.sendall(REQUEST)
            assert [code for code, _, _ in answers(connection, 1)] == [200]

        assert still_serves(server)

        assert answers(held[0]) == []
        held[-1].sendall(REQUEST)
        assert [code for code, _, _ in answers(held[-1], 1)] == [200]
    finally:
        for connection in held:
            connection.close()


def test_where_all_connections_are_busy_more_are_refused_but_for_probes(server: Process):
    before = metric(server, "request_rejected_total", 'model="tiny",reason="connections"')
    held = [connect(server) for _ in range(20)]
    try:
        for connection in held:
            connection.sendall(HEAD)
        time.sleep(0.2)
        with connect(server) as connection:
            connection.sendall(REQUEST)
            ((code, headers, _),) = answers(connection)
        for path in ("/health", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"):
            assert httpx.get(server.url + path).status_code == 200
    finally:
        for connection in held:
            connection.close()

    assert (code, headers["retry-after"]) == (503, "1")
    assert metric(server, "request_rejected_total", 'model="tiny",reason="connections"') == before + 1
    assert [line for line in server.logged() if line.get("reason") == "connections"]
    time.sleep(0.1)
    assert still_serves(server)


def test_connections_that_never_end_their_heads_do_not_keep_a_probe_out(server: Process):
    held = [connect(server) for _ in range(150)]
    try:
        for connection in held:
            connection.sendall(b"G")

        assert httpx.get(f"{server.url}/health/live").status_code == 200
    finally:
        for connection in held:
            connection.close()


def test_a_client_that_leaves_is_counted_and_forgotten(start: Callable[..., Process], tmp_path: Path):
    gate = tmp_path / "gate"
    server = start(before=held_until(gate), threads=1)
    server.wait_for("/health/ready")
    slow = SAMPLE.replace(b"[0", b"[999")
    with connect(server) as busy, connect(server) as waiting:
        for connection in (busy, waiting):
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n%b" % (len(slow), slow))
        wait_for_metric(server, "request_in_flight", 2)
        waiting.close()
        wait_for_metric(server, "request_in_flight", 1)
        assert metric(server, "request_queue_depth") == 0
        gate.touch()
        assert [code for code, _, _ in answers(busy, 1)] == [200]

    assert metric(server, "request_count_total", 'code="499",') == 1


def metric(server: Process, name: str, labels: str = "") -> float:
    lines = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name}{{{labels}")).rpartition(" ")[2])


def wait_for_metric(server: Process, name: str, value: float) -> None:
    deadline = time.monotonic() + 60
    while metric(server, name) != value:
        assert time.monotonic() < deadline, f"{name} is {metric(server, name)}"
        time.sleep(0.02)
