"""Where the body of a request ends: https://www.rfc-editor.org/rfc/rfc9112#section-6."""

import re
from http import HTTPStatus

from app.http import request
from app.http.problems import Problem
from app.http.request import CRLF, END, MAX_HEAD_BYTES

MAX_LINE_BYTES = 4096
"""Of a chunk's size with its extensions."""

MAX_SIZE_DIGITS = 16

CHUNKS_AT_ONCE = 256
"""Chunks that are read before other connections have their turn: about half a millisecond."""

_SIZE = re.compile(rb"0*([0-9A-Fa-f]*)(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
"""chunk-size [ chunk-ext ] CRLF (section 7.1). Extensions are ignored, as section 7.1.1 asks."""

_LAST = b"0"


class Length:
    """A body whose length is known, read piece by piece."""

    unread: bytes = b""

    def __init__(self, length: int) -> None:
        self._left = length

    def take(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take the next bytes.

        Returns:
            What of them is content, and what follows the body; None while it has not ended.

        """
        content = data[: self._left]
        self.skip(len(content))
        return content, None if self._left else data[len(content) :]

    def skip(self, count: int) -> bool:
        """Take note of bytes that went another way; return whether the body has ended."""
        self._left -= count
        return not self._left


class Chunks:
    """A body in chunks, read piece by piece. Trailers are dropped, as RFC 9110, section 6.5.1, allows."""

    def __init__(self) -> None:
        self.unread: bytes = b""
        """Bytes of the last call that were not looked at: the next call starts with them."""

        self._kept: bytes = b""
        """The start of a line whose end has not come."""
        self._left = 0
        """Bytes of the chunk that are still to come."""
        self._data_ends = False
        """Whether the end of line after a chunk is due."""
        self._trailers: bytearray | None = None
        self._extensions = 0

    def take(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take the next bytes, or the start of them: see `unread`.

        Returns:
            What of them is content, and what follows the body; None while it has not ended.

        Raises:
            Problem: 400 where they are malformed, 431 where extensions or trailers are too long.

        """
        self.unread = b""
        if self._trailers is not None:
            return b"", self._end(data)
        if self._kept:
            data, self._kept = self._kept + data, b""
        content: list[bytes] = []
        at, end = 0, len(data)
        chunks = 0
        while True:
            if self._left:
                piece = data[at : at + self._left]
                content.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
            if self._data_ends:
                if end - at < len(CRLF):
                    self._kept = data[at:]
                    break
                if not data.startswith(CRLF, at):
                    raise _malformed("a chunk is longer than its size")
                at += len(CRLF)
                self._data_ends = False
            if chunks == CHUNKS_AT_ONCE:
                self.unread = data[at:]
                break
            chunks += 1
            line = _SIZE.match(data, at)
            if line is None or line.end() - at > MAX_LINE_BYTES:
                self._keep_line(data[at:])
                break
            self._begin(line, at)
            at = line.end()
            if not self._left:
                self._trailers = bytearray(CRLF)
                return b"".join(content), self._end(data[at:])
        return b"".join(content), None

    def _begin(self, line: re.Match[bytes], at: int) -> None:
        digits = line[1]
        if len(digits) > MAX_SIZE_DIGITS or line.start(1) == at == line.end(1):
            raise _malformed("the size of a chunk is no number of 64 bits")
        self._left = int(digits or _LAST, 16)
        self._data_ends = self._left > 0
        self._extensions += line.end() - line.end(1) - len(CRLF)
        if self._extensions > MAX_HEAD_BYTES:
            raise _too_long("extensions of chunks")

    def _keep_line(self, line: bytes) -> None:
        if CRLF in line or len(line) > MAX_LINE_BYTES:
            raise _malformed("a chunk does not start with its size")
        self._kept = line

    def _end(self, data: bytes) -> bytes | None:
        """Take trailers; return what follows them."""
        trailers = self._trailers
        assert trailers is not None  # noqa: S101 - the last chunk is there
        seen = max(0, len(trailers) - len(END) + 1)
        trailers += data
        end = trailers.find(END, seen)
        if (len(trailers) if end < 0 else end) > MAX_HEAD_BYTES:
            raise _too_long("trailers")
        if end < 0:
            return None
        if end:
            request.fields(b"GET / HTTP/1.1" + trailers[: end + len(END)])
        return bytes(trailers[end + len(END) :])


def _malformed(what: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the chunked body is malformed: {what}")


def _too_long(what: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MAX_HEAD_BYTES} bytes of {what}")
