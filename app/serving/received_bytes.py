"""Bounds the memory of all requests that were received and are not answered yet."""

from app.errors import ReceiveBufferFull


class ReceivedBytes:
    """Counts the bytes that all connections hold. All methods must be called on the event loop."""

    def __init__(self, most: int) -> None:
        """Start at 0 bytes; `most` is the limit in bytes."""
        self._most = most
        self.held = 0
        """The number of bytes now."""

    def add(self, count: int, announced: int = 0) -> None:
        """Count bytes, unless the limit does not allow them.

        Args:
            count: the number of bytes that have arrived.
            announced: how many more bytes will follow. They must fit too, and are counted when they arrive.

        Raises:
            ReceiveBufferFull: the limit would be exceeded. Nothing is counted then.

        """
        if self.held + count + announced > self._most:
            raise ReceiveBufferFull("the requests that are being received fill the memory for request bodies")
        self.add_unchecked(count)

    def add_unchecked(self, count: int) -> None:
        """Count bytes without a check of the limit; a negative number gives bytes back."""
        self.held += count


class Body:
    """The body of one request while it arrives."""

    __slots__ = ("_first", "_received", "_rest", "length")

    def __init__(self, received: ReceivedBytes) -> None:
        self._received = received
        self._first: bytes | memoryview = b""
        self._rest: bytearray | None = None
        self.length = 0
        """How many bytes are counted: those that have arrived, or the whole body after `move_into`."""

    def add(self, piece: bytes) -> None:
        """Append the next piece.

        Raises:
            ReceiveBufferFull: there is no memory for it.

        """
        self._received.add(len(piece))
        if not self.length:
            self._first = piece
        else:
            # A list of pieces would take much more memory, because a piece may have a single byte.
            if self._rest is None:
                self._rest = bytearray(self._first)
            self._rest += piece
        self.length += len(piece)

    def move_into(self, buffer: memoryview) -> memoryview:
        """Copy what has arrived to the start of a buffer that has the length of the whole body.

        Returns:
            The rest of the buffer, into which the rest of the body must be written.

        Raises:
            ReceiveBufferFull: there is no memory for the whole body.

        """
        arrived = self.length
        self._received.add(len(buffer) - arrived)
        buffer[:arrived] = self.content
        self._first, self._rest, self.length = buffer, None, len(buffer)
        return buffer[arrived:]

    @property
    def content(self) -> bytes | memoryview:
        """The bytes that have arrived, or the whole buffer after `move_into`."""
        return self._first if self._rest is None else memoryview(self._rest)

    def release(self) -> None:
        """Give the memory back."""
        self._received.add_unchecked(-self.length)
        self._first, self._rest, self.length = b"", None, 0
