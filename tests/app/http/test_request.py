"""The head of a request, as RFC 9112 defines it."""

from http import HTTPStatus

import pytest

from app.http.problems import Problem
from app.http.request import MAX_CACHED_HEAD_BYTES, parse_head


def head(*header_lines: str, request_line: str = "POST /predict HTTP/1.1") -> bytes:
    return "\r\n".join([request_line, *header_lines, "", ""]).encode("latin-1")


def refused_status(text: bytes) -> HTTPStatus:
    with pytest.raises(Problem) as caught:
        parse_head(text)
    return caught.value.status


def test_all_parts_of_a_head_are_parsed():
    request = parse_head(
        head("Host: a:80", "Content-Length: 9", "X:\t b c \t", request_line="PUT /p?q=1 HTTP/1.1")
    )

    assert (request.method, request.target, request.version) == ("PUT", b"/p?q=1", "1.1")
    # RFC 9110, section 5.5: whitespace around a value is not part of it.
    assert request.headers == ((b"host", b"a:80"), (b"content-length", b"9"), (b"x", b"b c"))
    assert (request.length, request.keep_alive, request.expects_continue) == (9, True, False)


@pytest.mark.parametrize("token", ["h2c", "websocket", "foo"])
@pytest.mark.parametrize("option", ["Upgrade", "upgrade, HTTP2-Settings", "keep-alive, Upgrade"])
def test_an_upgrade_request_is_an_ordinary_request_with_a_body(token: str, option: str):
    # RFC 9110, section 7.8: "A server MAY ignore a received Upgrade header field".
    request = parse_head(head("Host: a", f"Connection: {option}", f"Upgrade: {token}", "Content-Length: 44"))

    assert (request.length, request.keep_alive) == (44, True)


@pytest.mark.parametrize(
    ("value", "length"), [("9 ", 9), ("9\t", 9), ("0", 0), ("0" * 30 + "9", 9), ("0" * 5000, 0)]
)
def test_a_content_length_may_have_trailing_whitespace_and_leading_zeros(value: str, length: int):
    # RFC 9110, sections 5.5 and 8.6: Content-Length = 1*DIGIT.
    assert parse_head(head("Host: a", f"Content-Length: {value}")).length == length


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
    assert refused_status(head("Host: a", *lines)) == 400


def test_an_unknown_transfer_coding_is_not_implemented():
    # RFC 9112, section 6.1.
    assert refused_status(head("Host: a", "Transfer-Encoding: gzip, chunked")) == 501
    assert refused_status(head("Host: a", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked")) == 501
    assert parse_head(head("Host: a", "Transfer-Encoding: Chunked")).length is None


def test_a_transfer_coding_in_http_1_0_is_refused():
    # RFC 9112, section 6.1.
    assert refused_status(head("Transfer-Encoding: chunked", request_line="POST / HTTP/1.0")) == 400


@pytest.mark.parametrize(
    "hosts", [[], ["Host: a", "Host: a"], ["Host: a b"], ["Host: a/b"], ["Host: a@b"], ["Host: a, b"]]
)
def test_a_missing_repeated_or_invalid_host_is_refused(hosts: list[str]):
    # RFC 9112, section 3.2.
    assert refused_status(head(*hosts)) == 400


@pytest.mark.parametrize("host", ["", "a", "a:80", "[::1]:80", "127.0.0.1:8000", "a_b.example"])
def test_every_valid_host_is_accepted(host: str):
    assert parse_head(head(f"Host: {host}")).target == b"/predict"


def test_http_1_0_needs_no_host():
    assert parse_head(head(request_line="GET / HTTP/1.0")).version == "1.0"


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
def test_keep_alive_depends_on_the_version_and_the_connection_header(
    version: str, connection: str | None, keep_alive: bool
):
    lines = ["Host: a"] + ([f"Connection: {connection}"] if connection else [])

    assert parse_head(head(*lines, request_line=f"GET / HTTP/{version}")).keep_alive == keep_alive


@pytest.mark.parametrize(("version", "expects"), [("1.1", True), ("1.0", False)])
def test_only_http_1_1_requests_can_expect_100_continue(version: str, expects: bool):
    # RFC 9110, section 10.1.1.
    request = parse_head(head("Host: a", "Expect: 100-Continue", request_line=f"POST / HTTP/{version}"))

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
    assert parse_head(head("Host: a", request_line=f"GET {target} HTTP/1.1")).target == path


def test_an_asterisk_target_is_accepted_only_for_options():
    # RFC 9112, section 3.2.4.
    assert parse_head(head("Host: a", request_line="OPTIONS * HTTP/1.1")).target == b"*"
    assert refused_status(head("Host: a", request_line="GET * HTTP/1.1")) == 400


@pytest.mark.parametrize(
    ("request_line", "status"),
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
def test_an_invalid_or_unsupported_request_line_is_refused(request_line: str, status: int):
    assert refused_status(head("Host: a", request_line=request_line)) == status


@pytest.mark.parametrize(
    "text", [b"GET / HTTP/1.1\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_lines_must_end_with_carriage_return_and_line_feed(text: bytes):
    # RFC 9112, section 2.2, allows a server to accept a line feed alone; this server does not.
    assert refused_status(text) == 400


IDS = ("X-Request-ID: a-1", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


@pytest.mark.parametrize(
    "lines",
    [
        (*IDS, "Host: a", "Content-Length: 9"),
        ("Host: a", "x-request-id: a-1", "Content-Length: 9", "TraceParent: 00-1-2-01"),
        ("Host: a", "X-Request-ID:a-1", "Content-Length: 9"),
        ("Host: a", "X-Request-ID: ", "Content-Length: 9"),
        ("Host: a", "X-Request-ID: a b", "X-Request-ID: c", "Content-Length: 9"),
        ("Host: a", "X-Request-ID: b", "X-Request-ID: c\xe9", "X-Request-ID: d", "Content-Length: 9"),
        ("Host: a", "X: x-request-id: b", "Content-Length: 9"),
    ],
)
def test_a_head_with_ids_is_parsed_as_it_would_be_without_the_cache(lines: tuple[str, ...]):
    text = head(*lines)
    # A long head is not cached.
    long = parse_head(head(*lines, "X-Padding: " + "x" * MAX_CACHED_HEAD_BYTES))

    for _ in range(2):
        request = parse_head(text)

        padding = (b"x-padding", b"x" * MAX_CACHED_HEAD_BYTES)
        assert sorted((*request.headers, padding)) == sorted(long.headers)
        assert [header for header in request.headers if header[0] == b"x-request-id"] == [
            header for header in long.headers if header[0] == b"x-request-id"
        ]
        assert request.inference_headers == long.inference_headers
        assert (request.length, request.target, request.keep_alive) == (9, b"/predict", True)


def test_two_heads_that_differ_by_their_ids_have_each_their_own():
    first, second = (
        parse_head(head("Host: a", f"X-Request-ID: {name}", "Content-Length: 9")) for name in ("one", "two")
    )

    assert first.inference_headers[b"x-request-id"] == b"one"
    assert second.inference_headers[b"x-request-id"] == b"two"
    assert dict(second.headers)[b"x-request-id"] == b"two"
    assert b"x-request-id" not in parse_head(head("Host: a", "Content-Length: 9")).inference_headers


def test_a_line_that_continues_an_id_is_refused_and_not_taken_for_part_of_the_line_before():
    # RFC 9112, section 5.2: obs-fold.
    text = head("Host: a", "Content-Length: 9", "X-Request-ID: a", " 9")

    assert refused_status(text) == HTTPStatus.BAD_REQUEST
    assert refused_status(head("Host: a", "Content-Length: 9", " 9")) == HTTPStatus.BAD_REQUEST
