"""The head of an HTTP/1 request, read as strictly as RFC 9112 lets a server.

https://www.rfc-editor.org/rfc/rfc9112
"""

import re
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from app.http.problems import Problem

MAX_HEAD_BYTES = 64 * 1024
"""Of a head, and of the extensions and trailers of a chunked body."""

REMEMBERED_BYTES = 1024
"""Of a head that is not read again where the same comes again."""

CRLF = b"\r\n"
END = b"\r\n\r\n"

Headers = list[tuple[bytes, bytes]]
"""Names in small letters, values without the blanks around them."""

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/(\d\.\d)")
"""method SP request-target SP HTTP-version (RFC 9112, section 3)."""

_ABSOLUTE = re.compile(rb"https?://[^/?#]+", re.IGNORECASE)
"""Scheme and authority of the absolute form (RFC 9112, section 3.2.2)."""

_HOST = re.compile(rb"[0-9A-Za-z\-._~%!$&'()*+,;=:\[\]]*")
"""The characters of uri-host [ ":" port ] (RFC 9110, section 7.2, with RFC 3986, section 3.2.2)."""

_FRAMING = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding", b"expect"})
"""The fields that say where a request ends and what becomes of its connection."""

_VERSIONS = (b"1.1", b"1.0")
_OWS = b" \t"


class Request(NamedTuple):
    """The head of one request. A tuple, since it is made faster than a frozen dataclass."""

    method: str
    target: bytes
    """Path and query, or `*`."""

    version: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in small letters, values without the blanks around them."""

    length: int | None
    """Bytes of the body; None where it comes in chunks."""

    keep_alive: bool
    """Whether another request may follow on this connection (RFC 9112, section 9.3)."""

    expects_continue: bool
    """Whether the client waits for 100 before it sends the body (RFC 9110, section 10.1.1)."""


class _Fields:
    """Collects what the parser finds in one head."""

    __slots__ = ("ends", "headers")

    def __init__(self) -> None:
        self.headers: Headers = []
        self.ends = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # The parser removes the blanks before a value, not those after it (RFC 9110, section 5.5).
        self.headers.append((name.lower(), value.rstrip(_OWS)))

    def on_headers_complete(self) -> None:
        self.ends += 1

    def on_body(self, _: bytes) -> None:
        # The parser saw an end of the head where we saw none.
        self.ends += 1


def read(head: bytes) -> Request:
    """Read a head, from its request line to the empty line; a client's heads are mostly the same.

    Raises:
        Problem: as `_read` does.

    """
    return _remembered(head) if len(head) <= REMEMBERED_BYTES else _read(head)


@lru_cache(maxsize=256)
def _remembered(head: bytes) -> Request:
    return _read(head)


def _read(head: bytes) -> Request:
    """Read a head, from its request line to the empty line.

    `Upgrade` is ignored, as RFC 9110, section 7.8, allows: the request is an ordinary one, with its body.

    Raises:
        Problem: 400 where it is malformed, 501 for a method or a transfer coding that this server does not
            know, 505 for another version of HTTP. Nothing after it can be read.

    """
    line = _LINE.fullmatch(head, 0, head.find(CRLF))
    if line is None:
        raise _malformed("its first line is not METHOD TARGET HTTP/1.1")
    method, target, version = line.groups()
    if version not in _VERSIONS:
        detail = f"HTTP/{version.decode()}; this server speaks HTTP/1.1"
        raise Problem(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, detail)
    found = fields(head)
    named: dict[bytes, list[bytes]] = {}
    for name, value in found:
        if name in _FRAMING:
            named.setdefault(name, []).append(value)
    hosts = named.get(b"host", ())
    if len(hosts) > 1 or (not hosts and version == b"1.1") or not all(map(_HOST.fullmatch, hosts)):
        # RFC 9112, section 3.2.
        raise _malformed("it must have one Host header, with a host and a port")
    options = _tokens(named.get(b"connection"))
    if method == b"CONNECT":
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "CONNECT; this server is no proxy")
    return Request(
        method=method.decode(),
        target=_origin_form(method, target),
        version=version.decode(),
        headers=tuple(found),
        length=_length(named, version),
        keep_alive=b"close" not in options and (version == b"1.1" or b"keep-alive" in options),
        expects_continue=version == b"1.1" and b"100-continue" in _tokens(named.get(b"expect")),
    )


def fields(head: bytes) -> Headers:
    """Return the header fields below a request line.

    Raises:
        Problem: 400, or 501 for an unknown method.

    """
    collected = _Fields()
    try:
        HttpRequestParser(collected).feed_data(head)
    except HttpParserUpgrade:
        # Raised where the head ends; the parser would take the body for another protocol's.
        pass
    except HttpParserInvalidMethodError:
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "this server does not know the method") from None
    except HttpParserError as error:
        raise _malformed(str(error)) from None
    if collected.ends != 1:
        raise _malformed("it has no clear end")
    return collected.headers


def _origin_form(method: bytes, target: bytes) -> bytes:
    """Return a target as path and query (RFC 9112, section 3.2)."""
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        path = target
    elif absolute := _ABSOLUTE.match(target):
        path = target[absolute.end() :]
        path = path if path.startswith(b"/") else b"/" + path
    else:
        raise _malformed("its target is neither a path nor a URL")
    if b"#" in path:
        raise _malformed("its target has a fragment")
    return path


def _length(named: dict[bytes, list[bytes]], version: bytes) -> int | None:
    """Return the length of the body (RFC 9112, section 6.3)."""
    codings, lengths = named.get(b"transfer-encoding"), named.get(b"content-length")
    if codings is None:
        if lengths is None:
            return 0
        # One value, of digits, within 64 bits: the parser takes nothing else.
        return int(lengths[0].lstrip(b"0") or b"0")
    if lengths is not None or version == b"1.0":
        # Sections 6.1 and 6.3: what frames the body contradicts itself.
        raise _malformed("Transfer-Encoding with Content-Length or in HTTP/1.0")
    tokens = _tokens(codings)
    if tokens[-1:] != [b"chunked"]:
        raise _malformed("the last Transfer-Encoding must be chunked")
    if len(tokens) > 1:
        # Section 6.1.
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding; this server knows chunked alone")
    return None


def _tokens(values: list[bytes] | None) -> list[bytes]:
    """Return the elements of a list in small letters, from all its lines (RFC 9110, section 5.3)."""
    if values is None:
        return []
    elements = (element.strip(_OWS).lower() for element in b",".join(values).split(b","))
    return [element for element in elements if element]


def _malformed(what: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the request's head is malformed: {what}")
