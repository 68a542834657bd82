"""Finds where the body of a request ends: https://www.rfc-editor.org/rfc/rfc9112#section-6."""

import re
from http import HTTPStatus

from app.http import request
from app.http.problems import Problem
from app.http.request import CRLF, HEAD_END, MAX_HEAD_BYTES

MAX_CHUNK_LINE_BYTES = 4096
"""Maximum length of the line that starts a chunk; it has the size and the extensions of the chunk."""

MAX_SIZE_DIGITS = 16

MAX_CHUNKS_PER_TURN = 256
"""Maximum number of chunks that are read before other connections are served; about half a millisecond."""

_CHUNK_LINE = re.compile(rb"0*([0-9A-Fa-f]*)(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")
"""chunk-size [ chunk-ext ] CRLF (section 7.1). Extensions are ignored, as section 7.1.1 requires."""


class FixedLengthBody:
    """A body of known length, read piece by piece."""

    unread: bytes = b""
    """Always empty; as in `ChunkedBody`."""

    def __init__(self, length: int) -> None:
        self._remaining = length

    def read(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Read the next bytes of the connection.

        Returns:
            The part of `data` that is content, and the part that follows the body. The second is None until
            the body has ended.

        """
        content = data[: self._remaining]
        self.skip(len(content))
        return content, None if self._remaining else data[len(content) :]

    def skip(self, count: int) -> bool:
        """Count bytes that were received directly into the buffer of the body.

        Returns:
            Whether the body has ended.

        """
        self._remaining -= count
        return not self._remaining


class ChunkedBody:
    """A chunked body, read piece by piece. Trailers are dropped, as RFC 9110, section 6.5.1, allows."""

    def __init__(self) -> None:
        self.unread: bytes = b""
        """Bytes of the last call of `read` that were not processed. Pass them to the next call, first."""

        self._partial_line: bytes = b""
        """The start of a line of which the end has not arrived."""
        self._remaining = 0
        """Missing bytes of the current chunk."""
        self._expects_crlf = False
        """Whether the end of line after the data of a chunk comes next."""
        self._trailers: bytearray | None = None
        self._extension_bytes = 0

    def read(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Read the next bytes of the connection, or only the first of them; the rest is in `unread`.

        Returns:
            The content in `data`, and the part of `data` that follows the body. The second is None until the
            body has ended.

        Raises:
            Problem: 400 for malformed chunks, 431 for too many bytes of extensions or trailers.

        """
        self.unread = b""
        if self._trailers is not None:
            return b"", self._read_trailers(data)
        if self._partial_line:
            data, self._partial_line = self._partial_line + data, b""
        content: list[bytes] = []
        position, end = 0, len(data)
        chunks = 0
        while True:
            if self._remaining:
                piece = data[position : position + self._remaining]
                content.append(piece)
                position += len(piece)
                self._remaining -= len(piece)
                if self._remaining:
                    break
            if self._expects_crlf:
                if end - position < len(CRLF):
                    self._partial_line = data[position:]
                    break
                if not data.startswith(CRLF, position):
                    raise _malformed("a chunk is longer than its size")
                position += len(CRLF)
                self._expects_crlf = False
            if chunks == MAX_CHUNKS_PER_TURN:
                self.unread = data[position:]
                break
            chunks += 1
            line = _CHUNK_LINE.match(data, position)
            if line is None or line.end() - position > MAX_CHUNK_LINE_BYTES:
                self._keep_partial_line(data[position:])
                break
            self._start_chunk(line, position)
            position = line.end()
            if not self._remaining:
                self._trailers = bytearray(CRLF)
                return b"".join(content), self._read_trailers(data[position:])
        return b"".join(content), None

    def _start_chunk(self, line: re.Match[bytes], position: int) -> None:
        digits = line[1]
        if len(digits) > MAX_SIZE_DIGITS or line.start(1) == position == line.end(1):
            raise _malformed("the size of a chunk is not a hexadecimal number of at most 64 bits")
        # The pattern strips leading zeros, so that size 0 has no digits.
        self._remaining = int(digits, 16) if digits else 0
        self._expects_crlf = self._remaining > 0
        self._extension_bytes += line.end() - line.end(1) - len(CRLF)
        if self._extension_bytes > MAX_HEAD_BYTES:
            raise _too_long("chunk extensions")

    def _keep_partial_line(self, line: bytes) -> None:
        if CRLF in line or len(line) > MAX_CHUNK_LINE_BYTES:
            raise _malformed("a chunk does not start with its size")
        self._partial_line = line

    def _read_trailers(self, data: bytes) -> bytes | None:
        """Read trailers; return the bytes that follow them, or None until the trailers have ended."""
        trailers = self._trailers
        assert trailers is not None  # noqa: S101 - set when the last chunk was read
        searched = max(0, len(trailers) - len(HEAD_END) + 1)
        trailers += data
        end = trailers.find(HEAD_END, searched)
        if (len(trailers) if end < 0 else end) > MAX_HEAD_BYTES:
            raise _too_long("trailers")
        if end < 0:
            return None
        if end:
            # Check the syntax of the trailers; the request line in front of them is not used.
            request.parse_fields(b"GET / HTTP/1.1" + trailers[: end + len(HEAD_END)])
        return bytes(trailers[end + len(HEAD_END) :])


def _malformed(why: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the chunked body is malformed: {why}")


def _too_long(part: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MAX_HEAD_BYTES} bytes of {part}")
