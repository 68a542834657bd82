"""Encodes responses to bytes: https://www.rfc-editor.org/rfc/rfc9112#section-4."""

from dataclasses import replace
from http import HTTPStatus

from app.http import codings
from app.http.request import Headers, Request
from app.protocols.messages import Response

MIN_COMPRESSED_BYTES = 1024
"""Minimum size of a body that is compressed; to compress a smaller one saves nothing."""

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

CONTINUE = _STATUS_LINES[HTTPStatus.CONTINUE] + b"\r\n"


def encode_response(
    status: int, headers: Headers, body: bytes, *, request: Request | None, date: bytes, keep_alive: bool
) -> bytes:
    """Return the head and the body of a response.

    Args:
        status: the status code.
        headers: all headers except Date, Content-Length and Connection, which are added here.
        body: the body; for a HEAD request, the body that a GET request would get. It is then left out.
        request: the request; None for a response to something that is not a valid request.
        date: the complete Date header line.
        keep_alive: whether another request may follow on the connection.

    """
    lines = [_STATUS_LINES[status], date]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    if status != HTTPStatus.NO_CONTENT:
        # RFC 9110, section 8.6.
        lines.append(b"content-length: %d\r\n" % len(body))
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    elif request is not None and request.version == "1.0":
        # RFC 9112, section 9.3 and appendix C.2.2.
        lines.append(b"connection: keep-alive\r\n")
    lines.append(b"\r\n")
    if request is None or request.method != "HEAD":
        lines.append(body)
    return b"".join(lines)


def content_headers(response: Response) -> Headers:
    """Return the Content-Type and the other headers that belong to this response."""
    content_type = (b"content-type", response.content_type.encode("latin-1"))
    if not response.headers:
        return [content_type]
    others = ((name.encode(), value.encode("latin-1")) for name, value in response.headers.items())
    return [content_type, *others]


def compress_response(response: Response, coding: str | None) -> Response:
    """Return a response compressed with a coding; the same response if it is short or `coding` is None."""
    if coding is None or len(response.body) < MIN_COMPRESSED_BYTES:
        return response
    headers = {**response.headers, "content-encoding": coding, "vary": "accept-encoding"}
    return replace(response, body=codings.compress(response.body, coding), headers=headers)
