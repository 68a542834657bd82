"""Bytes from the kernel to a connection, with no object a piece and no copy more than is needed."""

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from app.connection import Connection

SIZE = 64 * 1024

# One for all connections: what is read is taken before anything else is read.
_buffer = memoryview(bytearray(SIZE))


class Receiver(asyncio.BufferedProtocol):
    """What the event loop sees of a connection.

    asyncio gives a `Protocol` each piece as bytes of its own. A body of hundreds of kilobytes would be copied
    into those, into what the parser gives, and into a whole. Here that is done to its start alone.
    """

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - there is what there is
        """Return where the next bytes go."""
        return self._connection.room or _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what has come."""
        if self._connection.room:
            self._connection.room_filled(nbytes)
        else:
            self._connection.data_received(_buffer[:nbytes])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass it on, as all that follows."""
        self._connection.connection_made(cast(asyncio.Transport, transport))

    def eof_received(self) -> None:  # noqa: D102
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:  # noqa: D102
        self._connection.pause_writing()

    def resume_writing(self) -> None:  # noqa: D102
        self._connection.resume_writing()
