"""An answer as it goes over the connection: https://www.rfc-editor.org/rfc/rfc9112#section-4."""

from http import HTTPStatus

from app.request import Headers, Request

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

CONTINUE = _STATUS_LINES[HTTPStatus.CONTINUE] + b"\r\n"


def written(
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
