"""One client's connection: HTTP/1.1, one request after the other (https://www.rfc-editor.org/rfc/rfc9112).

A request is read when the one before it is answered: what was sent ahead waits unread, up to a bound. So no
request can take the answer of another, and what follows a request cannot change what becomes of it.

A request to inference goes straight to its exchange and back, without a task, a scope or a router: that is
most of what a small model's answer costs. All else goes through the application, which answers the same.
"""

import asyncio
from http import HTTPStatus
from typing import Literal, Protocol, cast

from app import identity, messages, request
from app.application import Application
from app.chunks import Chunks
from app.inference import NO_ROOM, Exchange
from app.listener import PROBES, Listener
from app.messages import Answer
from app.problems import CONNECTIONS, Problem
from app.request import END, MAX_HEAD_BYTES, Headers, Request

READ_BYTES = 64 * 1024
AHEAD_BYTES = 16 * 1024
"""Of requests sent ahead that are kept. A client that sends more waits for its answers."""

LINGER_SECONDS = 5
"""How long a client may go on sending after the last answer, to be able to read it."""

LAST_REQUEST_SECONDS = 0.5

# One for all connections: what is read is taken before anything else is read.
_buffer = memoryview(bytearray(READ_BYTES))
_buffer_ahead = _buffer[:AHEAD_BYTES]

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

Phase = Literal["idle", "head", "body", "answer", "closing"]
"""What is awaited: a request, the rest of its head, of its body, its answer, or that the client closes."""


class Handler(Protocol):
    """What answers one request: an exchange, or the application."""

    @property
    def over(self) -> bool:
        """Whether it is answered."""
        ...

    def receive(self, chunk: bytes) -> None:
        """Take a part of the body."""
        ...

    def room(self) -> memoryview:
        """Return where the rest of the body is to be written, if anywhere."""
        ...

    def complete(self) -> None:
        """Say that the body is whole."""
        ...

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem: the body cannot be read."""
        ...

    def cancel(self) -> None:
        """Forget the request: its client is gone."""
        ...


class Connection(asyncio.BufferedProtocol):
    """What the event loop sees of a connection."""

    transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int] | None = None
        self._loop = asyncio.get_running_loop()
        self._phase: Phase = "head"
        self._since = 0.0
        self._pending = b""
        """What was received and not read yet."""
        self._held = 0
        self._advancing = False
        self._paused = False
        self._unread_since: float | None = None
        self._request: Request | None = None
        self._id = ""
        self._handler: Handler | None = None
        self._answered = False
        self._broken = False
        """Whether nothing more can be read, for what came cannot be understood."""
        self._left = 0
        """Bytes of the body that are still to come."""
        self._chunks: Chunks | None = None
        self._room = NO_ROOM
        """Where the next bytes of the body belong, if that is known."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.client = transport.get_extra_info("peername")
        self.server = transport.get_extra_info("sockname")
        self._enter("head")
        self.listener.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.listener.closed(self)
        self._phase = "closing"
        self._room, self._pending = NO_ROOM, b""
        self._count_pending()
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._room or (_buffer_ahead if self._phase == "answer" else _buffer)

    def buffer_updated(self, nbytes: int) -> None:
        if self._room:
            self._room = self._room[nbytes:]
            self._left -= nbytes
            if not self._left:
                self._complete()
                self._advance()
            return
        if self._phase == "closing" or self._broken:
            return
        self._pending += bytes(_buffer[:nbytes])
        if self._phase == "idle":
            self._enter("head")
        elif self._phase == "head":
            self.listener.idle.pop(self, None)
        self._advance()

    def pause_writing(self) -> None:
        self._unread_since = self._loop.time()
        self.read_on()

    def resume_writing(self) -> None:
        self._unread_since = None
        self._advance()

    # What the listener and the server call.

    def sweep(self, now: float) -> None:
        """End what has taken too long; `now` is on the clock of the event loop."""
        limits, seconds = self.listener.limits, now - self._since
        if self._unread_since is not None:
            if now - self._unread_since > limits.body_seconds:
                self.transport.abort()
        elif self._phase == "idle":
            if seconds > limits.idle_seconds:
                self.close()
        elif self._phase == "closing":
            if seconds > LINGER_SECONDS:
                self.close()
        elif self._phase == "head":
            if seconds > limits.head_seconds:
                self._refuse(_late("head"))
        elif self._phase == "body" and seconds > limits.body_seconds:
            self._refuse(_late("body"))

    def close(self) -> None:
        """Close it without a word."""
        self.transport.close()

    def turn_away(self) -> None:
        """Refuse a connection that is one too many."""
        self._refuse(_too_many())

    def shutdown(self) -> None:
        """Close it when its last request is answered."""
        if self._phase == "head":
            # A request may be on its way: its answer will close the connection.
            self._loop.call_later(LAST_REQUEST_SECONDS, self._leave)
        else:
            self._leave()

    def _leave(self) -> None:
        if self._phase in {"head", "idle", "closing"}:
            self.close()

    # What the handler of a request calls.

    def reply(self, answer: Answer) -> None:
        """Answer the request."""
        self.respond(answer.status, answer.fields(), answer.body)

    def respond(self, status: int, fields: Headers, body: bytes) -> None:
        """Answer the request with a status, the headers that say what the body is, and the body."""
        request = self._request
        if request is None or self._phase == "closing" or self.transport.is_closing():
            return
        self._handler = None
        self._answered = True
        self._room = NO_ROOM
        read = self._phase == "answer"
        # A client that waits to be told to go on may send its body or not: what follows cannot be told apart.
        keep_alive = (
            request.keep_alive
            and not self._broken
            and not self.listener.draining
            and not self.listener.is_crowded(self)
            and (read or not request.expects_continue)
        )
        self._write(status, fields, body, keep_alive=keep_alive)
        if not keep_alive:
            self._close_in_order()
        elif read:
            self._await_a_request()
            self._advance()

    def go_on(self) -> None:
        """Tell the client to send the body: RFC 9110, section 10.1.1."""
        if self._phase == "body":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def read_on(self) -> None:
        """Read from the client, or do not, while enough is here or its answers are not read."""
        handler = self._handler
        enough = (
            (self._phase == "answer" and len(self._pending) >= AHEAD_BYTES)
            or self._unread_since is not None
            or (isinstance(handler, Application) and handler.waiting >= READ_BYTES)
        )
        pause = enough and self._phase != "closing"
        if pause != self._paused and not self.transport.is_closing():
            self._paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    # How a request is read.

    def _advance(self) -> None:
        """Read what has come, as far as that goes."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._step():
                pass
            self._count_pending()
        except Problem as problem:
            self._refuse(problem)
        finally:
            self._advancing = False
        self.read_on()

    def _step(self) -> bool:
        """Read the next part of a request; return whether more may be read."""
        if not self._pending or self._unread_since is not None:
            return False
        if self._phase == "head":
            return self._read_head()
        if self._phase == "body":
            self._read_body()
            return True
        return False

    def _read_head(self) -> bool:
        # Empty lines before a request are ignored: RFC 9112, section 2.2.
        pending = self._pending = self._pending.lstrip(b"\r\n")
        end = pending.find(END) + len(END)
        whole = end >= len(END)
        if (end if whole else len(pending)) > MAX_HEAD_BYTES:
            raise Problem(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the head of the request has more than {MAX_HEAD_BYTES} bytes",
            )
        if not whole:
            return False
        self._pending = pending[end:]
        self._begin(request.read(pending[:end]))
        return True

    def _begin(self, head: Request) -> None:
        listener = self.listener
        self._request = head
        self._id = identity.request_id(head.headers)
        self._enter("body")
        self._chunks = Chunks() if head.length is None else None
        self._left = head.length or 0
        if listener.is_crowded(self) and listener.full and head.target not in PROBES:
            raise _too_many()
        route = listener.routes.get(head.target) if head.method == "POST" else None
        if route is None or listener.service is None:
            self._handler = Application(self, head, self._id)
        else:
            headers = messages.wanted(head.headers)
            headers[identity.REQUEST_ID] = self._id.encode()
            exchange = Exchange(listener.service, route, headers, self.reply)
            if not exchange.over:
                self._handler = exchange
                if head.expects_continue and not self._pending:
                    self.go_on()
        if head.length == 0:
            self._complete()

    def _read_body(self) -> None:
        data, self._pending = self._pending, b""
        if self._chunks is not None:
            piece, rest = self._chunks.take(data)
        else:
            piece = data[: self._left]
            self._left -= len(piece)
            rest = None if self._left else data[len(piece) :]
        handler = self._handler
        if handler is not None and piece:
            handler.receive(piece)
        if rest is not None:
            self._pending = rest
            self._complete()
        elif self._left and self._handler is not None:
            self._room = self._handler.room()

    def _complete(self) -> None:
        """Take note that the body is whole."""
        if self._answered:
            self._await_a_request()
            return
        self._enter("answer")
        if self._handler is not None:
            self._handler.complete()

    def _await_a_request(self) -> None:
        self._request = None
        self._answered = False
        self._enter("head" if self._pending else "idle")

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self._loop.time()
        if phase == "idle":
            self.listener.idle[self] = None
        else:
            self.listener.idle.pop(self, None)

    def _count_pending(self) -> None:
        more = len(self._pending) - self._held
        if more:
            if more < 0 or self._phase == "answer":
                # What is sent ahead is little: the request before it is answered all the same.
                self.listener.received.hold(more)
            else:
                self.listener.received.take(more)
            self._held += more

    # How a connection ends.

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request, or none in time, and close the connection."""
        if self._phase == "closing" or self.transport.is_closing():
            return
        self._broken = True
        self._pending, self._room = b"", NO_ROOM
        self._count_pending()
        handler = self._handler
        if handler is not None:
            # What was understood is answered by its handler, and that answer closes the connection.
            self._enter("answer")
            handler.refuse(problem)
            return
        if not self._answered:
            target = self._request and self._request.target
            if self._request is None:
                self._id = identity.request_id(())
            answer = Answer.of(problem, self._id)
            self.listener.refused(answer, self._id, target)
            self._write(answer.status, answer.fields(), answer.body, keep_alive=False)
        self._close_in_order()

    def _close_in_order(self) -> None:
        """Close the connection so that the client can read the last answer: RFC 9112, section 9.6.

        What it still sends is read and dropped. A close would be answered by a reset, which can overtake the
        answer.
        """
        everything_is_read = self._phase == "answer" and not self._pending and not self._broken
        self._enter("closing")
        self._pending = b""
        self._count_pending()
        if everything_is_read:
            self.close()
        else:
            self.transport.write_eof()
            self.read_on()

    def _write(self, status: int, fields: Headers, body: bytes, *, keep_alive: bool) -> None:
        head = self._request
        lines = [_STATUS_LINES[status], self.listener.date]
        for name, value in fields:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"x-request-id: ", self._id.encode(), b"\r\n")
        if status != HTTPStatus.NO_CONTENT:
            lines.append(b"content-length: %d\r\n" % len(body))
        if not keep_alive:
            lines.append(b"connection: close\r\n")
        elif head is not None and head.version == "1.0":
            lines.append(b"connection: keep-alive\r\n")
        lines.append(b"\r\n")
        if head is None or head.method != "HEAD":
            lines.append(body)
        self.transport.write(b"".join(lines))


def _late(what: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_TIMEOUT, f"the {what} of the request did not arrive in time")


def _too_many() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many connections",
        headers={"retry-after": "1"},
        reason=CONNECTIONS,
    )
