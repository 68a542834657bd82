"""The transport side of a connection: its phases, when it reads, and how it closes."""

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal, cast

from app.http.problems import Problem

if TYPE_CHECKING:
    from app.http.listener import Listener

HALF_REQUEST_GRACE_SECONDS = 0.5
"""How long a connection stays open at shutdown for a request that may be on its way."""

MAX_UNREAD_BYTES = 16 * 1024
"""Size of the responses that may wait for the client to read them.

Above that, the server reads nothing more from the client, and counts the bytes as unread.
"""

Phase = Literal["idle", "head", "body", "response", "closing"]
"""What the connection waits for.

- idle: the next request;
- head: the rest of a request's head, also directly after the connection was opened;
- body: the rest of a request's body;
- response: the handler, which is to answer the request;
- closing: the client, which is to close the connection.
"""


class BaseConnection(asyncio.BufferedProtocol, ABC):
    """A connection, without the parsing of what is received on it."""

    transport: asyncio.Transport

    def __init__(self, listener: "Listener") -> None:
        self.listener = listener
        self.client: tuple[str, int] | None = None
        """Address and port of the client."""

        self.server: tuple[str, int] | None = None
        """Address and port of the server."""

        self.phase: Phase = "head"
        self.phase_since = 0.0
        """When the phase began, on the clock of the event loop."""

        self.unread_since: float | None = None
        """Since when more than `MAX_UNREAD_BYTES` wait for the client; None if they do not."""

        self._loop = asyncio.get_running_loop()
        self._reading_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to wait for the first request."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(MAX_UNREAD_BYTES)
        self.client = transport.get_extra_info("peername")
        self.server = transport.get_extra_info("sockname")
        self._enter_phase("head")
        self.listener.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Remove the connection from the listener."""
        self.phase = "closing"
        self.listener.remove(self)

    def pause_writing(self) -> None:
        """Read nothing more from the client until it has read its responses."""
        self.unread_since = self._loop.time()
        self.listener.add_unread(self, self.transport.get_write_buffer_size())
        self.update_reading()

    def resume_writing(self) -> None:
        """Continue to read from the client: it has read its responses."""
        self.unread_since = None
        self.listener.remove_unread(self)
        self._process_received()

    def close(self) -> None:
        """Close the connection at once."""
        self.transport.close()

    def shutdown(self) -> None:
        """Close the connection as soon as its last request is answered. uvicorn calls it at shutdown."""
        if self.phase == "head":
            # A request may be on its way. If it arrives in time, its response closes the connection.
            self._loop.call_later(HALF_REQUEST_GRACE_SECONDS, self._close_if_waiting)
        else:
            self._close_if_waiting()

    def update_reading(self) -> None:
        """Pause or resume reading from the client.

        Reading is paused while the client does not read its responses, or while enough is buffered.
        """
        pause = self.phase != "closing" and (self.unread_since is not None or self._has_enough_buffered())
        if pause == self._reading_paused or self.transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    @abstractmethod
    def refuse(self, problem: Problem) -> None:
        """Answer with a problem, because the request is invalid or late, and close the connection."""

    @abstractmethod
    def _has_enough_buffered(self) -> bool:
        """Tell whether so much is buffered that nothing more should be read before it is processed."""

    @abstractmethod
    def _process_received(self) -> None:
        """Process the bytes that were received and not processed yet."""

    def _enter_phase(self, phase: Phase) -> None:
        self.phase = phase
        self.phase_since = self._loop.time()
        idle = self.listener.idle
        if phase == "idle":
            idle[self] = None
        elif self in idle:
            del idle[self]

    def _close_if_waiting(self) -> None:
        if self.phase in {"head", "idle", "closing"}:
            self.close()

    def _close_after_last_response(self) -> None:
        """Close the connection in such a way that the client can read the last response.

        What the client still sends is received and dropped: if the socket were closed now, the kernel would
        answer it with a reset, which can destroy the response before the client has read it (RFC 9112,
        section 9.6).
        """
        self._enter_phase("closing")
        self.transport.write_eof()
        self.update_reading()
