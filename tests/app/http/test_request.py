"""The head of a request, as RFC 9112 has it."""

from http import HTTPStatus

import pytest

from app.http.problems import Problem
from app.http.request import read


def head(*lines: str, start: str = "POST /predict HTTP/1.1") -> bytes:
    return "\r\n".join([start, *lines, "", ""]).encode("latin-1")


def refused(text: bytes) -> HTTPStatus:
    with pytest.raises(Problem) as caught:
        read(text)
    return caught.value.status


def test_a_head_is_read_whole():
    request = read(head("Host: a:80", "Content-Length: 9", "X:\t b c \t", start="PUT /p?q=1 HTTP/1.1"))

    assert (request.method, request.target, request.version) == ("PUT", b"/p?q=1", "1.1")
    # RFC 9110, section 5.5: blanks around a value are no part of it.
    assert request.headers == ((b"host", b"a:80"), (b"content-length", b"9"), (b"x", b"b c"))
    assert (request.length, request.keep_alive, request.expects_continue) == (9, True, False)


@pytest.mark.parametrize("token", ["h2c", "websocket", "foo"])
@pytest.mark.parametrize("option", ["Upgrade", "upgrade, HTTP2-Settings", "keep-alive, Upgrade"])
def test_a_request_to_upgrade_is_an_ordinary_one_with_its_body(token: str, option: str):
    # RFC 9110, section 7.8: "A server MAY ignore a received Upgrade header field".
    request = read(head("Host: a", f"Connection: {option}", f"Upgrade: {token}", "Content-Length: 44"))

    assert (request.length, request.keep_alive) == (44, True)


@pytest.mark.parametrize(
    ("value", "length"), [("9 ", 9), ("9\t", 9), ("0", 0), ("0" * 30 + "9", 9), ("0" * 5000, 0)]
)
def test_a_length_may_have_blanks_around_it_and_zeros_before_it(value: str, length: int):
    # RFC 9110, sections 5.5 and 8.6: Content-Length = 1*DIGIT.
    assert read(head("Host: a", f"Content-Length: {value}")).length == length


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: "],
        ["Content-Length: +9"],
        ["Content-Length: 9, 9"],
        ["Content-Length: 9", "Content-Length: 9"],
        ["Content-Length: 99999999999999999999999"],
        # RFC 9112, section 6.3.
        ["Content-Length: 9", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 9"],
        ["Transfer-Encoding: chunked, gzip"],
        ["Transfer-Encoding: gzip"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: gzip"],
        ["Transfer-Encoding: chunked, chunked"],
        ["Transfer-Encoding: xchunked"],
        # RFC 9112, section 5.
        ["A : b"],
        [": b"],
        ["A: b", " c"],
        [" A: b"],
        ["A: \x00"],
        ["A: b\rc"],
    ],
)
def test_a_malformed_head_is_refused(lines: list[str]):
    assert refused(head("Host: a", *lines)) == 400


def test_a_transfer_coding_that_is_not_known_is_not_implemented():
    # RFC 9112, section 6.1.
    assert refused(head("Host: a", "Transfer-Encoding: gzip, chunked")) == 501
    assert refused(head("Host: a", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked")) == 501
    assert read(head("Host: a", "Transfer-Encoding: Chunked")).length is None


def test_a_transfer_coding_in_http_1_0_is_refused():
    # RFC 9112, section 6.1.
    assert refused(head("Transfer-Encoding: chunked", start="POST / HTTP/1.0")) == 400


@pytest.mark.parametrize(
    "hosts", [[], ["Host: a", "Host: a"], ["Host: a b"], ["Host: a/b"], ["Host: a@b"], ["Host: a, b"]]
)
def test_a_host_that_is_missing_repeated_or_no_host_is_refused(hosts: list[str]):
    # RFC 9112, section 3.2.
    assert refused(head(*hosts)) == 400


@pytest.mark.parametrize("host", ["", "a", "a:80", "[::1]:80", "127.0.0.1:8000", "a_b.example"])
def test_a_host_may_be_any_host(host: str):
    assert read(head(f"Host: {host}")).target == b"/predict"


def test_http_1_0_needs_no_host():
    assert read(head(start="GET / HTTP/1.0")).version == "1.0"


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        # RFC 9112, section 9.3.
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "Upgrade, CLOSE", False),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "keep-alive, close", False),
    ],
)
def test_a_connection_is_kept_as_version_and_options_say(
    version: str, connection: str | None, keep_alive: bool
):
    lines = ["Host: a"] + ([f"Connection: {connection}"] if connection else [])

    assert read(head(*lines, start=f"GET / HTTP/{version}")).keep_alive == keep_alive


@pytest.mark.parametrize(("version", "expects"), [("1.1", True), ("1.0", False)])
def test_only_http_1_1_expects_to_be_told_to_go_on(version: str, expects: bool):
    # RFC 9110, section 10.1.1.
    request = read(head("Host: a", "Expect: 100-Continue", start=f"POST / HTTP/{version}"))

    assert request.expects_continue == expects


@pytest.mark.parametrize(
    ("target", "path"),
    [
        # RFC 9112, section 3.2.
        ("/predict?x", b"/predict?x"),
        ("http://a:80/predict?x", b"/predict?x"),
        ("HTTPS://a", b"/"),
        ("http://a?x", b"/?x"),
    ],
)
def test_a_target_may_be_a_path_or_a_url(target: str, path: bytes):
    assert read(head("Host: a", start=f"GET {target} HTTP/1.1")).target == path


def test_a_server_may_be_asked_for_its_options():
    # RFC 9112, section 3.2.4.
    assert read(head("Host: a", start="OPTIONS * HTTP/1.1")).target == b"*"
    assert refused(head("Host: a", start="GET * HTTP/1.1")) == 400


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("GET http:// HTTP/1.1", 400),
        ("GET example HTTP/1.1", 400),
        ("GET /#x HTTP/1.1", 400),
        ("GET /\xff HTTP/1.1", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET /", 400),
        ("OPTIONS / RTSP/1.0", 400),
        ("SOURCE / ICE/1.0", 400),
        # RFC 9110, sections 9.1 and 9.3.6.
        ("FOO / HTTP/1.1", 501),
        ("get / HTTP/1.1", 501),
        ("CONNECT a:80 HTTP/1.1", 501),
        # RFC 9110, section 15.6.6.
        ("GET / HTTP/0.9", 505),
        ("GET / HTTP/2.0", 505),
        ("PRI * HTTP/2.0", 505),
    ],
)
def test_a_first_line_that_is_no_request_of_ours_is_refused(start: str, status: int):
    assert refused(head("Host: a", start=start)) == status


@pytest.mark.parametrize(
    "text", [b"GET / HTTP/1.1\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_lines_end_with_both_characters(text: bytes):
    # RFC 9112, section 2.2, allows a server to take a line feed alone; this one does not.
    assert refused(text) == 400
