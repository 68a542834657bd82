"""An answer as it goes over the connection: https://www.rfc-editor.org/rfc/rfc9112#section-4."""

from dataclasses import replace
from http import HTTPStatus

from app.http import codings
from app.http.request import Headers, Request
from app.protocols.messages import Response

COMPRESSED_FROM = 1024
"""Bytes of an answer below which compression saves nothing."""

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

CONTINUE = _STATUS_LINES[HTTPStatus.CONTINUE] + b"\r\n"


def encode_response(
    status: int, fields: Headers, body: bytes, *, to: Request | None, date: bytes, keep_alive: bool
) -> bytes:
    """Return an answer's head and body.

    Args:
        status: its code.
        fields: its headers, but for those that follow from the other arguments.
        body: of the answer to GET, where the request is HEAD.
        to: the request; None where there was none.
        date: the whole header.
        keep_alive: whether another request may follow.

    """
    lines = [_STATUS_LINES[status], date]
    for name, value in fields:
        lines += (name, b": ", value, b"\r\n")
    if status != HTTPStatus.NO_CONTENT:
        # RFC 9110, section 8.6.
        lines.append(b"content-length: %d\r\n" % len(body))
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    elif to is not None and to.version == "1.0":
        # RFC 9112, section 9.3 and appendix C.2.2.
        lines.append(b"connection: keep-alive\r\n")
    lines.append(b"\r\n")
    if to is None or to.method != "HEAD":
        lines.append(body)
    return b"".join(lines)


def header_fields(response: Response) -> Headers:
    """Return the headers of an answer, but for those that every answer has."""
    named = {"content-type": response.content_type, **response.headers}
    return [(name.encode(), value.encode("latin-1")) for name, value in named.items()]


def compressed(response: Response, coding: str | None) -> Response:
    """Return an answer in a content coding, where that makes it smaller."""
    if coding is None or len(response.body) < COMPRESSED_FROM:
        return response
    headers = {**response.headers, "content-encoding": coding, "vary": "accept-encoding"}
    return replace(response, body=codings.compressed(response.body, coding), headers=headers)
