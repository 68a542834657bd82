"""Parses the head of an HTTP/1 request as strictly as RFC 9112 allows.

https://www.rfc-editor.org/rfc/rfc9112
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from app.http.head import select_headers
from app.http.identity import ID_HEADERS
from app.http.problems import Problem

MAX_HEAD_BYTES = 64 * 1024
"""Maximum size of a head; also of the extensions, and of the trailers, of a chunked body."""

MAX_CACHED_HEAD_BYTES = 1024
"""Maximum size of a head whose parsed form is cached."""

CRLF = b"\r\n"
HEAD_END = b"\r\n\r\n"

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, values without surrounding whitespace."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/(\d\.\d)")
"""method SP request-target SP HTTP-version (RFC 9112, section 3)."""

_SCHEME_AND_AUTHORITY = re.compile(rb"https?://[^/?#]+", re.IGNORECASE)
"""The start of a target in absolute form (RFC 9112, section 3.2.2)."""

_HOST = re.compile(rb"[0-9A-Za-z\-._~%!$&'()*+,;=:\[\]]*")
"""The characters of uri-host [ ":" port ] (RFC 9110, section 7.2, with RFC 3986, section 3.2.2)."""

_CONNECTION_FIELDS = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding", b"expect"})
"""The fields that the connection uses itself, for example to find the end of the request."""

_ID_LINE = re.compile(
    rb"\r\n(X-Request-ID|traceparent): ([0-9A-Za-z\-._~:/+=@]+)(?=\r\n[^ \t])", re.IGNORECASE
)
"""A line of a head with one of the `ID_HEADERS`. No line that continues it may follow (obs-fold, RFC 9112,
section 5.2), because without it that would continue the line before."""

_VERSIONS = (b"1.1", b"1.0")
_WHITESPACE = b" \t"


class Request(NamedTuple):
    """The head of one request. A tuple, because it is created faster than a frozen dataclass."""

    method: str
    target: bytes
    """Path and query, or `*`."""

    version: str
    """`1.1` or `1.0`."""

    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case, values without surrounding whitespace."""

    inference_headers: Mapping[bytes, bytes]
    """The headers that inference uses, as `head.select_headers` returns them."""

    length: int | None
    """Bytes of the body; None for a chunked body."""

    keep_alive: bool
    """Whether another request may follow on this connection (RFC 9112, section 9.3)."""

    expects_continue: bool
    """Whether the client waits for status 100 before it sends the body (RFC 9110, section 10.1.1)."""


class _FieldCollector:
    """Receives the callbacks of httptools for one head."""

    __slots__ = ("end_count", "headers")

    def __init__(self) -> None:
        self.headers: Headers = []
        self.end_count = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # httptools removes the whitespace before a value, but not after it (RFC 9110, section 5.5).
        self.headers.append((name.lower(), value.rstrip(_WHITESPACE)))

    def on_headers_complete(self) -> None:
        self.end_count += 1

    def on_body(self, _: bytes) -> None:
        # httptools found an end of the head before the one that we found.
        self.end_count += 1


def parse_head(head: bytes) -> Request:
    """Parse a head; short heads are cached, because most requests of a client have the same head.

    Args:
        head: from the request line to the empty line, both included.

    Raises:
        Problem: as in `_parse_head`.

    """
    if len(head) > MAX_CACHED_HEAD_BYTES:
        return _parse_head(head)
    ids: Headers = []

    def remove(line: re.Match[bytes]) -> bytes:
        ids.append((line[1].lower(), line[2]))
        return b""

    # The ids alone differ between the requests of a client, so the cache has the head without them.
    request = _parse_cached(_ID_LINE.sub(remove, head))
    if not ids:
        return request
    if not ID_HEADERS.isdisjoint(request.inference_headers):
        # Another line has the same name, and their order matters.
        return _parse_head(head)
    return Request(
        request.method,
        request.target,
        request.version,
        (*request.headers, *ids),
        {**request.inference_headers, **dict(ids)},
        request.length,
        request.keep_alive,
        request.expects_continue,
    )


@lru_cache(maxsize=256)
def _parse_cached(head: bytes) -> Request:
    return _parse_head(head)


def _parse_head(head: bytes) -> Request:
    """Parse a head.

    `Upgrade` is ignored, as RFC 9110, section 7.8, allows: the request is an ordinary one, with its body.

    Raises:
        Problem: 400 if it is malformed, 501 for an unknown method or transfer coding, 505 for another version
            of HTTP. The connection cannot be used after that.

    """
    line = _REQUEST_LINE.fullmatch(head, 0, head.find(CRLF))
    if line is None:
        raise _malformed("its first line is not METHOD TARGET HTTP/1.1")
    method, target, version = line.groups()
    if version not in _VERSIONS:
        detail = f"HTTP/{version.decode()} is not supported; use HTTP/1.1"
        raise Problem(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, detail)
    headers = parse_fields(head)
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _CONNECTION_FIELDS:
            by_name.setdefault(name, []).append(value)
    hosts = by_name.get(b"host", ())
    if len(hosts) > 1 or (not hosts and version == b"1.1") or not all(map(_HOST.fullmatch, hosts)):
        # RFC 9112, section 3.2.
        raise _malformed("it must have exactly one Host header, with a host and an optional port")
    options = _list_elements(by_name.get(b"connection"))
    if method == b"CONNECT":
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "CONNECT is not supported: this server is not a proxy")
    return Request(
        method=method.decode(),
        target=_origin_form(method, target),
        version=version.decode(),
        headers=tuple(headers),
        inference_headers=select_headers(headers),
        length=_body_length(by_name, version),
        keep_alive=b"close" not in options and (version == b"1.1" or b"keep-alive" in options),
        expects_continue=(version == b"1.1" and b"100-continue" in _list_elements(by_name.get(b"expect"))),
    )


def parse_fields(head: bytes) -> Headers:
    """Return the header fields that follow a request line.

    Raises:
        Problem: 400 if a field is malformed, 501 for an unknown method.

    """
    collector = _FieldCollector()
    try:
        HttpRequestParser(collector).feed_data(head)
    except HttpParserUpgrade:
        # Raised at the end of the head: httptools would not read the body as HTTP. We do, see `_parse_head`.
        pass
    except HttpParserInvalidMethodError:
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "this server does not support the method") from None
    except HttpParserError as error:
        raise _malformed(str(error)) from None
    if collector.end_count != 1:
        raise _malformed("it must end with one empty line")
    return collector.headers


def _origin_form(method: bytes, target: bytes) -> bytes:
    """Return a target as path and query (RFC 9112, section 3.2)."""
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        path = target
    elif match := _SCHEME_AND_AUTHORITY.match(target):
        path = target[match.end() :]
        path = path if path.startswith(b"/") else b"/" + path
    else:
        raise _malformed("its target is neither a path nor a URL")
    if b"#" in path:
        raise _malformed("its target has a fragment")
    return path


def _body_length(by_name: dict[bytes, list[bytes]], version: bytes) -> int | None:
    """Return the length of the body in bytes, None for a chunked body (RFC 9112, section 6.3)."""
    codings, lengths = by_name.get(b"transfer-encoding"), by_name.get(b"content-length")
    if codings is None:
        if lengths is None:
            return 0
        # httptools accepts only one value, of digits, within 64 bits.
        return int(lengths[0].lstrip(b"0") or b"0")
    if lengths is not None or version == b"1.0":
        # Sections 6.1 and 6.3: the end of the body is ambiguous.
        raise _malformed("Transfer-Encoding is not allowed with Content-Length or in HTTP/1.0")
    elements = _list_elements(codings)
    if elements[-1:] != [b"chunked"]:
        raise _malformed("the last Transfer-Encoding must be chunked")
    if len(elements) > 1:
        # Section 6.1.
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "the only supported Transfer-Encoding is chunked")
    return None


def _list_elements(values: list[bytes] | None) -> list[bytes]:
    """Return the elements of a list field in lower case, from all of its lines (RFC 9110, section 5.3)."""
    if values is None:
        return []
    elements = (element.strip(_WHITESPACE).lower() for element in b",".join(values).split(b","))
    return [element for element in elements if element]


def _malformed(why: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the request's head is malformed: {why}")
