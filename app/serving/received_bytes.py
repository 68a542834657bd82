"""A bound on the memory of all that was received and is not answered yet."""

from app.errors import ReceiveBufferFull


class ReceivedBytes:
    """Counts the bytes that all connections hold. Lives on one event loop."""

    def __init__(self, most: int) -> None:
        """Take the most bytes that may be held at once."""
        self._most = most
        self.held = 0
        """Bytes."""

    def add(self, count: int, announced: int = 0) -> None:
        """Count bytes as held.

        Args:
            count: how many.
            announced: how many more are to follow; these are not counted before they come.

        Raises:
            ReceiveBufferFull: they are too many; then none of them is counted.

        """
        if self.held + count + announced > self._most:
            raise ReceiveBufferFull(
                "the requests that are being received fill the memory that there is for them"
            )
        self.add_unchecked(count)

    def add_unchecked(self, count: int) -> None:
        """Count bytes that are here already, whatever is held; fewer where `count` is negative."""
        self.held += count


class Body:
    """The body of one request as it arrives."""

    __slots__ = ("_first", "_received", "_rest", "length")

    def __init__(self, received: ReceivedBytes) -> None:
        self._received = received
        self._first: bytes | memoryview = b""
        self._rest: bytearray | None = None
        self.length = 0
        """Bytes that are here, or have their place here."""

    def add(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            ReceiveBufferFull: there is no memory for it.

        """
        self._received.add(len(piece))
        if not self.length:
            self._first = piece
        else:
            # A piece may be a byte: joined, it takes no more than that.
            if self._rest is None:
                self._rest = bytearray(self._first)
            self._rest += piece
        self.length += len(piece)

    def move_into(self, whole: memoryview) -> memoryview:
        """Move what is here to the start of a place for the whole body.

        Returns:
            The rest of that place, for the rest of the body.

        Raises:
            ReceiveBufferFull: there is no memory for it.

        """
        here = self.length
        self._received.add(len(whole) - here)
        whole[:here] = self.content
        self._first, self._rest, self.length = whole, None, len(whole)
        return whole[here:]

    @property
    def content(self) -> bytes | memoryview:
        """What is here."""
        return self._first if self._rest is None else memoryview(self._rest)

    def release(self) -> None:
        """Give the memory back."""
        self._received.add_unchecked(-self.length)
        self._first, self._rest, self.length = b"", None, 0
