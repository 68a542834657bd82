"""One client connection, which speaks HTTP/1.1 (https://www.rfc-editor.org/rfc/rfc9112).

Requests are processed one after the other: the next one is parsed only when the response to the one before it
is written. What the client sends ahead waits, up to a limit. So the responses cannot be mixed up, and invalid
bytes after a request do not change the response to it.

An inference request goes directly to an `Exchange`, without a task, an ASGI scope or a router: these would
cost more than all the rest of a request to a small model. Every other request goes to the ASGI application,
which can answer inference requests too, with the same responses.
"""

from http import HTTPStatus
from typing import cast

from app.errors import RequestError
from app.http import identity, problems, request
from app.http.asgi_call import AsgiCall
from app.http.base_connection import BaseConnection
from app.http.exchange import EMPTY_BUFFER, Exchange
from app.http.framing import ChunkedBody, FixedLengthBody
from app.http.handler import Handler
from app.http.listener import Listener
from app.http.problems import Problem
from app.http.request import HEAD_END, MAX_HEAD_BYTES, Headers, Request
from app.http.response import CONTINUE, content_headers, encode_response
from app.protocols.messages import Response

READ_BYTES = 64 * 1024
"""Maximum number of bytes per read from the socket, and of a body that waits for the handler."""

MAX_PIPELINED_BYTES = 16 * 1024
"""Maximum number of bytes that are received ahead of a response; the rest stays in the kernel."""

# Shared by all connections; safe because buffer_updated() copies the bytes before the next read.
_buffer = memoryview(bytearray(READ_BYTES))
_pipelining_buffer = _buffer[:MAX_PIPELINED_BYTES]


class Connection(BaseConnection):
    """A connection that parses requests and writes their responses."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(listener)
        self._pending = b""
        """Bytes that were received and not parsed yet."""

        self._counted_bytes = 0
        """How many of the pending bytes are counted in `listener.received`."""

        self._is_processing = False
        self._request: Request | None = None
        self._request_id = ""
        self._body: FixedLengthBody | ChunkedBody = FixedLengthBody(0)
        self._handler: Handler | None = None
        self._body_buffer = EMPTY_BUFFER
        """Where the next bytes of the body are received; empty if they are received into `_buffer`."""

        self._response_written = False
        self._is_unreadable = False
        """Whether nothing more can be parsed, because the client has sent something invalid."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._drop_pending()
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return self._body_buffer or (_pipelining_buffer if self.phase == "response" else _buffer)

    def buffer_updated(self, nbytes: int) -> None:
        if self._body_buffer:
            self._advance_body_buffer(nbytes)
            return
        if self.phase == "closing" or self._is_unreadable:
            return
        self._pending += bytes(_buffer[:nbytes])
        if self.phase == "idle":
            self._enter_phase("head")
        elif self.phase == "head":
            self.listener.idle.pop(self, None)
        self._process_received()

    # Called by the handler of a request.

    def reply(self, response: Response) -> None:
        """Write the response to the current request."""
        self.respond(response.status, content_headers(response), response.body)

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Write the response to the current request.

        Args:
            status: the status code.
            headers: the headers that describe the body; the connection adds the others.
            body: the body.

        """
        request = self._request
        if request is None or self.phase == "closing" or self.transport.is_closing():
            return
        self._handler = None
        self._response_written = True
        self._body_buffer = EMPTY_BUFFER
        body_is_read = self.phase == "response"
        # A client that waits for status 100 may or may not send the body after this response. The server
        # cannot know, so it cannot find the next request.
        keep_alive = (
            request.keep_alive
            and not self._is_unreadable
            and not self.listener.draining
            and not self.listener.answers_probes_only(self)
            and (body_is_read or not request.expects_continue)
        )
        self._write(status, headers, body, keep_alive=keep_alive)
        if keep_alive:
            if body_is_read:
                self._wait_for_request()
            self._process_received()
        elif body_is_read and not self._pending and not self._is_unreadable:
            self.close()
        else:
            self._drop_pending_and_close()

    def send_continue(self) -> None:
        """Tell the client to send the body, with status 100 (RFC 9110, section 10.1.1)."""
        if self.phase == "body":
            self.transport.write(CONTINUE)

    def _has_enough_buffered(self) -> bool:
        if self._handler is not None and self._handler.buffered_bytes >= READ_BYTES:
            return True
        if self.phase == "body":
            return bool(self._pending)
        return self.phase == "response" and len(self._pending) >= MAX_PIPELINED_BYTES

    # Reading a request.

    def _process_received(self) -> None:
        if self._is_processing:
            return
        self._is_processing = True
        try:
            while self._parse_next():
                pass
            self._count_pending()
        except (Problem, RequestError) as error:
            self.refuse(problems.from_error(error))
        finally:
            self._is_processing = False
        self.update_reading()

    def _parse_next(self) -> bool:
        """Parse the next part of a request.

        Returns:
            Whether another part may follow that can be parsed now.

        """
        if not self._pending or self.unread_since is not None:
            return False
        if self.phase == "head":
            return self._parse_head()
        if self.phase == "body":
            self._parse_body()
            return not self._body.unread
        return False

    def _parse_head(self) -> bool:
        # Empty lines before a request are ignored: RFC 9112, section 2.2.
        pending = self._pending = self._pending.lstrip(b"\r\n")
        end = pending.find(HEAD_END) + len(HEAD_END)
        is_complete = end >= len(HEAD_END)
        if (end if is_complete else len(pending)) > MAX_HEAD_BYTES:
            raise Problem(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the head of the request has more than {MAX_HEAD_BYTES} bytes",
            )
        if not is_complete:
            return False
        self._pending = pending[end:]
        self._start_request(request.parse_head(pending[:end]))
        return True

    def _start_request(self, request: Request) -> None:
        """Create the handler of a request, and wait for the body."""
        listener = self.listener
        self._request = request
        self._request_id = identity.request_id(request.headers)
        self._enter_phase("body")
        self._body = ChunkedBody() if request.length is None else FixedLengthBody(request.length)
        listener.check(self, request)
        route = listener.routes.get(request.target) if request.method == "POST" else None
        if route is None or listener.service is None:
            self._handler = AsgiCall(self, request, self._request_id)
        else:
            headers = {**request.inference_headers, identity.REQUEST_ID: self._request_id.encode()}
            exchange = Exchange(listener.service, route, headers, self.reply)
            if not exchange.finished:
                self._handler = exchange
                if request.expects_continue and not self._pending:
                    self.send_continue()
        if request.length == 0:
            self._end_of_body()

    def _parse_body(self) -> None:
        data, self._pending = self._pending, b""
        content, rest = self._body.read(data)
        if self._handler is not None and content:
            self._handler.receive(content)
        if self.phase != "body":
            # The handler has refused the request, and the connection is closing.
            return
        if rest is not None:
            self._pending = rest
            self._end_of_body()
        elif self._body.unread:
            self._pending = self._body.unread
            self._loop.call_soon(self._process_received)
        elif self._handler is not None:
            self._body_buffer = self._handler.body_buffer()

    def _advance_body_buffer(self, count: int) -> None:
        """Count bytes of the body that were received directly into the handler's buffer."""
        self._body_buffer = self._body_buffer[count:]
        if cast(FixedLengthBody, self._body).skip(count):
            self._end_of_body()
            self._process_received()

    def _end_of_body(self) -> None:
        if self.phase != "body":
            return
        if self._response_written:
            self._wait_for_request()
            return
        self._enter_phase("response")
        if self._handler is not None:
            self._handler.complete()

    def _wait_for_request(self) -> None:
        self._request = None
        self._response_written = False
        self._enter_phase("head" if self._pending else "idle")

    def _count_pending(self) -> None:
        """Count the pending bytes in `listener.received`, which limits the memory of all requests.

        Raises:
            ReceiveBufferFull: there is no memory for them.

        """
        new_bytes = len(self._pending) - self._counted_bytes
        if new_bytes:
            if new_bytes < 0 or self.phase == "response":
                # Pipelined bytes are few. They are never refused, because the current request is valid.
                self.listener.received.add_unchecked(new_bytes)
            else:
                self.listener.received.add(new_bytes)
            self._counted_bytes += new_bytes

    # Closing the connection.

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem, because the request is invalid or late, and close the connection."""
        if self.phase == "closing" or self.transport.is_closing():
            return
        self._is_unreadable = True
        if (handler := self._handler) is not None:
            # The handler records the problem and writes the response, which closes the connection.
            self._drop_pending()
            self._enter_phase("response")
            handler.refuse(problem)
            return
        if not self._response_written:
            if self._request is None:
                self._request_id = identity.request_id(())
            response = problems.to_response(problem, self._request_id)
            self.listener.record_refusal(response, self._request_id, self._request and self._request.target)
            self._write(response.status, content_headers(response), response.body, keep_alive=False)
        self._drop_pending_and_close()

    def _drop_pending_and_close(self) -> None:
        self._drop_pending()
        self._close_after_last_response()

    def _drop_pending(self) -> None:
        self._pending, self._body_buffer = b"", EMPTY_BUFFER
        self._count_pending()

    def _write(self, status: int, headers: Headers, body: bytes, *, keep_alive: bool) -> None:
        headers = [*headers, (identity.REQUEST_ID, self._request_id.encode())]
        if (cors := self.listener.cors) is not None:
            headers += cors.headers(self._request)
        date = self.listener.date
        self.transport.write(
            encode_response(status, headers, body, request=self._request, date=date, keep_alive=keep_alive)
        )
