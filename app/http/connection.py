"""One client's connection: HTTP/1.1, one request after the other (https://www.rfc-editor.org/rfc/rfc9112).

A request is read when the one before it is answered: what was sent ahead waits unread, up to a bound. So no
request can take the answer of another, and what follows a request cannot change what becomes of it.

A request to inference goes straight to its exchange and back, without a task, a scope or a router: that is
most of what a small model's answer costs. All else goes through the application, which answers the same.
"""

from http import HTTPStatus
from typing import cast

from app.errors import RequestError
from app.http import head, identity, problems, request
from app.http.asgi_call import AsgiCall
from app.http.base_connection import BaseConnection
from app.http.exchange import EMPTY_BUFFER, Exchange
from app.http.framing import Chunks, Length
from app.http.handler import Handler
from app.http.listener import PROBES, Listener, too_many
from app.http.problems import Problem
from app.http.request import END, MAX_HEAD_BYTES, Headers, Request
from app.http.response import CONTINUE, encode_response, header_fields
from app.protocols.messages import Response

READ_BYTES = 64 * 1024
AHEAD_BYTES = 16 * 1024
"""Of requests sent ahead that are kept. A client that sends more waits for its answers."""

# Shared by all connections; safe because buffer_updated() copies the bytes before the next read.
_buffer = memoryview(bytearray(READ_BYTES))
_buffer_ahead = _buffer[:AHEAD_BYTES]


class Connection(BaseConnection):
    """A connection on which HTTP is spoken."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener)
        self._pending = b""
        """What was received and not read yet."""

        self._held = 0
        """Bytes of it that are counted."""

        self._advancing = False
        self._request: Request | None = None
        self._id = ""
        self._body: Length | Chunks = Length(0)
        self._handler: Handler | None = None
        self._room = EMPTY_BUFFER
        """Where the next bytes of the body belong, if that is known."""

        self._answered = False
        self._broken = False
        """Whether nothing more can be read, for what came cannot be understood."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._drop()
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._room or (_buffer_ahead if self.phase == "answer" else _buffer)

    def buffer_updated(self, nbytes: int) -> None:
        if self._room:
            self._fill_room(nbytes)
            return
        if self.phase == "closing" or self._broken:
            return
        self._pending += bytes(_buffer[:nbytes])
        if self.phase == "idle":
            self._enter("head")
        elif self.phase == "head":
            self.listener.idle.pop(self, None)
        self._advance()

    # What the handler of a request calls.

    def reply(self, response: Response) -> None:
        """Answer the request."""
        self.respond(response.status, header_fields(response), response.body)

    def respond(self, status: int, fields: Headers, body: bytes) -> None:
        """Answer the request with a status, the headers that say what the body is, and the body."""
        request = self._request
        if request is None or self.phase == "closing" or self.transport.is_closing():
            return
        self._handler = None
        self._answered = True
        self._room = EMPTY_BUFFER
        is_read = self.phase == "answer"
        # A client that waits to be told to go on may send its body or not: what follows cannot be told apart.
        keep_alive = (
            request.keep_alive
            and not self._broken
            and not self.listener.draining
            and not self.listener.is_crowded(self)
            and (is_read or not request.expects_continue)
        )
        self._write(status, fields, body, keep_alive=keep_alive)
        if keep_alive:
            if is_read:
                self._await_a_request()
            self._advance()
        elif is_read and not self._pending and not self._broken:
            self.close()
        else:
            self._end()

    def go_on(self) -> None:
        """Tell the client to send the body: RFC 9110, section 10.1.1."""
        if self.phase == "body":
            self.transport.write(CONTINUE)

    def _has_enough(self) -> bool:
        if self._handler is not None and self._handler.waiting >= READ_BYTES:
            return True
        if self.phase == "body":
            return bool(self._pending)
        return self.phase == "answer" and len(self._pending) >= AHEAD_BYTES

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
        except (Problem, RequestError) as error:
            self.refuse(problems.of(error))
        finally:
            self._advancing = False
        self.read_on()

    def _step(self) -> bool:
        """Read the next part of a request; return whether more may be read."""
        if not self._pending or self.unread_since is not None:
            return False
        if self.phase == "head":
            return self._read_head()
        if self.phase == "body":
            self._read_body()
            return not self._body.unread
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

    def _begin(self, request: Request) -> None:
        listener = self.listener
        self._request = request
        self._id = identity.request_id(request.headers)
        self._enter("body")
        self._body = Chunks() if request.length is None else Length(request.length)
        if listener.is_crowded(self) and listener.full and request.target not in PROBES:
            raise too_many()
        route = listener.routes.get(request.target) if request.method == "POST" else None
        if route is None or listener.service is None:
            self._handler = AsgiCall(self, request, self._id)
        else:
            headers = head.wanted(request.headers)
            headers[identity.REQUEST_ID] = self._id.encode()
            exchange = Exchange(listener.service, route, headers, self.reply)
            if not exchange.over:
                self._handler = exchange
                if request.expects_continue and not self._pending:
                    self.go_on()
        if request.length == 0:
            self._complete()

    def _read_body(self) -> None:
        data, self._pending = self._pending, b""
        piece, rest = self._body.take(data)
        if self._handler is not None and piece:
            self._handler.receive(piece)
        if self.phase != "body":
            # It was refused, and the connection ends.
            return
        if rest is not None:
            self._pending = rest
            self._complete()
        elif self._body.unread:
            self._pending = self._body.unread
            self._loop.call_soon(self._advance)
        elif self._handler is not None:
            self._room = self._handler.body_buffer()

    def _fill_room(self, count: int) -> None:
        """Take note of bytes of the body that were written where they belong."""
        self._room = self._room[count:]
        if cast(Length, self._body).skip(count):
            self._complete()
            self._advance()

    def _complete(self) -> None:
        """Take note that the body is whole."""
        if self.phase != "body":
            return
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

    def _count_pending(self) -> None:
        more = len(self._pending) - self._held
        if more:
            if more < 0 or self.phase == "answer":
                # What is sent ahead is little: the request before it is answered all the same.
                self.listener.received.add_unchecked(more)
            else:
                self.listener.received.add(more)
            self._held += more

    # How a connection ends.

    def refuse(self, problem: Problem) -> None:
        """Answer what is no request, or none in time, and close the connection."""
        if self.phase == "closing" or self.transport.is_closing():
            return
        self._broken = True
        handler = self._handler
        if handler is not None:
            # What was understood is answered by its handler, and that answer closes the connection.
            self._drop()
            self._enter("answer")
            handler.refuse(problem)
            return
        if not self._answered:
            target = self._request and self._request.target
            if self._request is None:
                self._id = identity.request_id(())
            response = problems.response(problem, self._id)
            self.listener.refused(response, self._id, target)
            self._write(response.status, header_fields(response), response.body, keep_alive=False)
        self._end()

    def _end(self) -> None:
        self._drop()
        self._close_in_order()

    def _drop(self) -> None:
        self._pending, self._room = b"", EMPTY_BUFFER
        self._count_pending()

    def _write(self, status: int, fields: Headers, body: bytes, *, keep_alive: bool) -> None:
        named = [*fields, (identity.REQUEST_ID, self._id.encode())]
        date = self.listener.date
        self.transport.write(
            encode_response(status, named, body, to=self._request, date=date, keep_alive=keep_alive)
        )
