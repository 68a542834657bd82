"""The transport's side of a connection: what it waits for, when it reads, how it ends."""

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, cast

from app.http.problems import Problem

if TYPE_CHECKING:
    from app.http.listener import Listener

HALF_REQUEST_GRACE_SECONDS = 0.5
"""How long a connection stays open at shutdown for a request that may be on its way."""

UNREAD_BYTES = 16 * 1024
"""Of answers that a client has not read, from which they count and nothing more is read from it."""

Phase = Literal["idle", "head", "body", "answer", "closing"]
"""What is awaited: a request, the rest of its head, of its body, its answer, or that the client closes."""


class BaseConnection(asyncio.BufferedProtocol, ABC):
    """A connection that does not know yet what is said on it."""

    transport: asyncio.Transport

    def __init__(self, listener: "Listener") -> None:
        self.listener = listener
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int] | None = None
        self.phase: Phase = "head"
        self.since = 0.0
        """When the phase began, on the clock of the event loop."""

        self.unread_since: float | None = None
        """Since when the client reads its answers too slowly, if it does."""

        self._loop = asyncio.get_running_loop()
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the transport."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(UNREAD_BYTES)
        self.client = transport.get_extra_info("peername")
        self.server = transport.get_extra_info("sockname")
        self._enter("head")
        self.listener.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection."""
        self.phase = "closing"
        self.listener.closed(self)

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        self.unread_since = self._loop.time()
        self.listener.unread(self, self.transport.get_write_buffer_size())
        self.read_on()

    def resume_writing(self) -> None:
        """Read from it again."""
        self.unread_since = None
        self.listener.was_read(self)
        self._advance()

    def close(self) -> None:
        """Close the connection at once."""
        self.transport.close()

    def shutdown(self) -> None:
        """Close it when its last request is answered."""
        if self.phase == "head":
            # A request may be on its way: its answer will close the connection.
            self._loop.call_later(HALF_REQUEST_GRACE_SECONDS, self._leave)
        else:
            self._leave()

    def read_on(self) -> None:
        """Read from the client, or do not, while enough is here or its answers are not read."""
        pause = self.phase != "closing" and (self.unread_since is not None or self._has_enough())
        if pause == self._paused or self.transport.is_closing():
            return
        self._paused = pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    @abstractmethod
    def refuse(self, problem: Problem) -> None:
        """Answer what is no request, or none in time, and close the connection."""

    @abstractmethod
    def _has_enough(self) -> bool:
        """Tell whether nothing more need be read before something is answered."""

    @abstractmethod
    def _advance(self) -> None:
        """Go on with what was read."""

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.since = self._loop.time()
        if phase == "idle":
            self.listener.idle[self] = None
        else:
            self.listener.idle.pop(self, None)

    def _leave(self) -> None:
        if self.phase in {"head", "idle", "closing"}:
            self.close()

    def _close_in_order(self) -> None:
        """Close the connection so that the client can read the last answer: RFC 9112, section 9.6.

        What it still sends is read and dropped: a close would be answered by a reset, which can overtake the
        answer.
        """
        self._enter("closing")
        self.transport.write_eof()
        self.read_on()
