"""HTTP/1.1 over the wire, as RFC 9110 and RFC 9112 have it, on both ways to a model."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.app.http.test_connection import (
    answers,
    connect,
    metric,
    only_answer,
    still_serves,
    wait_for_metric,
)
from tests.app.process import SAMPLE, Process
from tests.app.wrapped import wrapped

WAYS = pytest.mark.parametrize("way", [b"/predict", b"/predict?x"], ids=["direct", "through the application"])
PROBE = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"
SLOW = wrapped("if value > 100: time.sleep(1.5)")
SLOW_BODY = SAMPLE.replace(b"[0", b"[999")


@pytest.fixture(scope="module")
def server(start_module: Callable[..., Process]) -> Process:
    server = start_module(before=SLOW, head_timeout_seconds=1, body_timeout_seconds=2, threads=1)
    server.wait_for("/health/ready")
    return server


def post(path: bytes, body: bytes = SAMPLE, *lines: bytes) -> bytes:
    head = [b"POST %b HTTP/1.1" % path, b"host: x", b"content-type: application/json", *lines]
    if not any(line.lower().startswith(b"transfer-encoding") for line in lines):
        head.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*head, b"", b""]) + body


def codes(connection: socket.socket, count: int | None = None) -> list[int]:
    return [code for code, _, _ in answers(connection, count)]


@WAYS
@pytest.mark.parametrize("token", [b"h2c", b"websocket", b"foo"])
def test_a_request_to_upgrade_is_answered_and_its_body_is_never_the_next_request(
    server: Process, way: bytes, token: bytes
):
    # RFC 9110, section 7.8.
    smuggled = b"GET /v2/models/SMUGGLED HTTP/1.1\r\nhost: x\r\n\r\n"
    upgrade = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: " + token, b"http2-settings: AAMAAABk")
    with connect(server) as connection:
        whole = post(way, smuggled, *upgrade)
        cut = len(whole) - len(smuggled)
        connection.sendall(whole[:cut])
        time.sleep(0.2)
        connection.sendall(whole[cut:])
        assert codes(connection, 1) == [400]
        connection.sendall(post(way, SAMPLE, *upgrade) + PROBE)

        assert codes(connection, 2) == [200, 200]


@WAYS
def test_a_request_to_upgrade_may_come_in_chunks(server: Process, way: bytes):
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SAMPLE), SAMPLE)
    with connect(server) as connection:
        lines = (b"transfer-encoding: chunked", b"connection: Upgrade", b"upgrade: h2c")
        connection.sendall(post(way, body, *lines) + PROBE)

        assert codes(connection, 2) == [200, 200]


def test_curl_that_offers_http_2_gets_its_answer(server: Process):
    command = ["curl", "--silent", "--show-error", "--http2", "--write-out", "%{http_code}"]
    header = ["--header", "content-type: application/json"]

    done = subprocess.run(
        [*command, *header, "--data", SAMPLE.decode(), f"{server.url}/predict"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )

    assert done.stdout.endswith("200"), done.stdout


JAVA = """
import java.net.URI;
import java.net.http.*;

public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(arguments[1])).build();
        for (int count = 0; count < 3; count++)
            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}
"""


@pytest.mark.skipif(shutil.which("java") is None, reason="no Java on this machine")
def test_javas_client_as_it_comes_gets_its_answers(server: Process, tmp_path: Path):
    # It offers h2c on each connection without TLS:
    # https://docs.oracle.com/en/java/javase/17/docs/api/java.net.http/java/net/http/HttpClient.Version.html
    (tmp_path / "Client.java").write_text(JAVA)

    done = subprocess.run(
        ["java", "Client.java", f"{server.url}/predict", SAMPLE.decode()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.stdout.split() == ["200"] * 3, done.stderr


@WAYS
@pytest.mark.parametrize("follows", [b"GET http:// HTTP/1.1\r\nhost: x\r\n\r\n", b"\x00\x01\r\n\r\n"])
@pytest.mark.parametrize("body", [SAMPLE, SLOW_BODY], ids=["quick", "slow"])
def test_a_request_gets_its_own_answer_whatever_follows_it(
    server: Process, way: bytes, follows: bytes, body: bytes
):
    with connect(server) as connection:
        connection.sendall(post(way, body) + follows)

        assert codes(connection) == [200, 400]
    wait_for_metric(server, "request_in_flight", 0)


@WAYS
def test_the_head_of_the_next_request_is_bounded_while_an_answer_is_under_way(server: Process, way: bytes):
    with connect(server) as connection:
        connection.sendall(post(way, SLOW_BODY) + b"GET / HTTP/1.1\r\n")
        connection.settimeout(0.3)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += connection.send(b"a:b\r\n" * 4000)
        except TimeoutError:
            pass
        connection.settimeout(60)

        assert codes(connection) == [200, 431]
    # What fits into the kernel's buffers, and little more.
    assert sent < 20_000_000


@WAYS
def test_the_head_of_the_next_request_must_arrive_in_time(server: Process, way: bytes):
    with connect(server) as connection:
        connection.sendall(post(way) + b"GET / HTTP/1.1\r\n")

        assert codes(connection) == [200, 408]


@WAYS
def test_trailers_without_end_are_refused(server: Process, way: bytes):
    with connect(server) as connection:
        body = b"%x\r\n%b\r\n0\r\n" % (len(SAMPLE), SAMPLE)
        connection.sendall(post(way, body + b"a:b\r\n" * 20_000, b"transfer-encoding: chunked"))

        only_answer(connection, 431)


@WAYS
def test_trailers_are_no_headers(server: Process, way: bytes):
    # RFC 9110, section 6.5.1.
    body = b"%x\r\n%b\r\n0\r\nContent-Type: text/plain\r\n\r\n" % (len(SAMPLE), SAMPLE)
    with connect(server) as connection:
        connection.sendall(post(way, body, b"transfer-encoding: chunked"))

        assert codes(connection, 1) == [200]


@WAYS
def test_a_malformed_chunk_is_told(server: Process, way: bytes):
    with connect(server) as connection:
        connection.sendall(post(way, b"x\r\n", b"transfer-encoding: chunked"))

        assert "chunked" in only_answer(connection, 400)["detail"]


@WAYS
def test_a_body_that_does_not_arrive_in_time_is_told(server: Process, way: bytes):
    with connect(server) as connection:
        connection.sendall(post(way)[:-1])

        only_answer(connection, 408)


@WAYS
def test_a_client_that_leaves_frees_its_place(server: Process, way: bytes):
    with connect(server) as busy:
        busy.sendall(post(b"/predict", SLOW_BODY))
        wait_for_metric(server, "request_in_flight", 1)
        for lines in ((), (b"expect: 100-continue",)):
            with connect(server) as connection:
                # Behind another, too.
                connection.sendall(PROBE + post(way, SLOW_BODY, *lines))
                wait_for_metric(server, "request_in_flight", 2)
            wait_for_metric(server, "request_in_flight", 1)
        assert metric(server, "request_queue_depth") == 0
        assert codes(busy, 1) == [200]


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/health/live",
        "/v2",
        "/v2/models/tiny",
        "/openapi.json",
        "/",
        "/docs",
        "/web/page.css",
        "/swagger-ui/swagger-ui.css",
    ],
)
def test_head_is_answered_as_get_without_the_body(server: Process, path: str):
    # RFC 9110, sections 9.1 and 9.3.2.
    got, head = httpx.get(server.url + path), httpx.head(server.url + path)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == got.headers[name]


def test_head_of_what_takes_a_post_is_not_allowed(server: Process):
    head = httpx.head(f"{server.url}/predict")

    assert (head.status_code, head.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/predict", "OPTIONS, POST"),
        ("/health/live", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
        ("/web/page.css", "GET, HEAD, OPTIONS"),
        ("/swagger-ui/swagger-ui.css", "GET, HEAD, OPTIONS"),
        ("/v2/models/tiny/infer", "OPTIONS, POST"),
        ("*", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_options_tells_what_is_allowed(server: Process, path: str, allowed: str):
    # RFC 9110, section 9.3.7.
    with connect(server) as connection:
        connection.sendall(f"OPTIONS {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode() + PROBE)
        (code, headers, _), (after, _, _) = answers(connection, 2)

    assert (code, headers["allow"], after) == (204, allowed, 200)
    assert "content-length" not in headers


@WAYS
def test_http_1_0_keeps_a_connection_where_it_is_asked_to(server: Process, way: bytes):
    # RFC 9112, section 9.3 and appendix C.2.2.
    request = post(way, SAMPLE, b"connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(request)
            ((code, headers, _),) = answers(connection, 1)
            assert (code, headers["connection"]) == (200, "keep-alive")


@WAYS
@pytest.mark.parametrize(
    ("status", "lines"),
    [(415, (b"content-type: text/plain",)), (413, ())],
    ids=["a wrong type", "too long"],
)
def test_an_early_refusal_reaches_a_client_that_sends_on(
    server: Process, way: bytes, status: int, lines: tuple[bytes, ...]
):
    # RFC 9112, section 9.6.
    body = b" " * 9_000_000
    for _ in range(5):
        with connect(server) as connection:
            request = post(way, body, *lines, b"connection: close")
            connection.sendall(request)

            only_answer(connection, status)


@WAYS
def test_a_refusal_of_one_that_waits_to_go_on_ends_the_connection(server: Process, way: bytes):
    # RFC 9110, section 10.1.1: whether the body follows is not known.
    with connect(server) as connection:
        head = post(way, SAMPLE, b"expect: 100-continue", b"content-type: text/plain")
        connection.sendall(head[: -len(SAMPLE)])

        only_answer(connection, 415)


@WAYS
def test_one_that_waits_to_go_on_is_told_to(server: Process, way: bytes):
    with connect(server) as connection:
        request = post(way, SAMPLE, b"expect: 100-continue")
        connection.sendall(request[: -len(SAMPLE)])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(SAMPLE)

        assert codes(connection, 1) == [200]


def test_many_requests_sent_ahead_and_not_read_take_little(server: Process):
    import psutil

    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    held = [connect(server) for _ in range(40)]
    for connection in held:
        connection.setblocking(False)
        try:
            for _ in range(20):
                connection.send(PROBE * 2000)
        except BlockingIOError:
            pass
    time.sleep(1)
    used = process.memory_info().rss - before
    for connection in held:
        connection.close()

    # 16 KiB of requests and 64 KiB of answers each, and some of their own.
    assert used < 40 * 400_000
    assert still_serves(server)


def test_each_request_has_an_id_that_answer_and_problem_give_back(server: Process):
    given = httpx.post(f"{server.url}/predict", content=b"?", headers={"x-request-id": "a-1"})
    traced = httpx.post(
        f"{server.url}/predict?x",
        content=b"?",
        headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )
    made = [httpx.get(f"{server.url}/nowhere") for _ in range(2)]

    for answer in (given, traced, *made):
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert given.headers["x-request-id"] == "a-1"
    assert traced.headers["x-request-id"] == "0af7651916cd43dd8448eb211c80319c"
    assert made[0].headers["x-request-id"] != made[1].headers["x-request-id"]


@pytest.mark.parametrize("value", ["x" * 129, "a b", "{}", '"'])
def test_what_is_no_id_is_not_taken(server: Process, value: str):
    answer = httpx.get(f"{server.url}/health", headers={"x-request-id": value})

    assert answer.headers["x-request-id"] != value


def test_what_is_refused_is_counted_by_its_reason(server: Process):
    for sent, reason in (
        (b"GET / HTTP/1.1\r\n\r\n", "invalid"),
        (b"FOO / HTTP/1.1\r\nhost: x\r\n\r\n", "not_implemented"),
        (b"GET / HTTP/1.1\r\nlong: " + b"x" * 70_000, "head_too_large"),
    ):
        before = metric(server, "request_rejected_total", f'model="tiny",reason="{reason}"')
        with connect(server) as connection:
            connection.sendall(sent)
            answers(connection)

        assert metric(server, "request_rejected_total", f'model="tiny",reason="{reason}"') == before + 1


def test_the_metrics_port_answers_while_connections_without_end_are_held(start: Callable[..., Process]):
    server = start()
    server.wait_for("/health/ready")
    held = [socket.create_connection(("127.0.0.1", server.metrics_port)) for _ in range(300)]
    try:
        for _ in range(3):
            assert "request_count" in httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert int(status.partition("Threads:")[2].split()[0]) < 40
        assert len(list(Path(f"/proc/{server.process.pid}/fd").iterdir())) < 150
    finally:
        for connection in held:
            connection.close()


def test_nothing_of_all_this_is_an_error_in_the_log(server: Process):
    assert not [line for line in server.logged() if line["level"] in ("ERROR", "CRITICAL")]
    assert json.loads(json.dumps(server.logged()))
