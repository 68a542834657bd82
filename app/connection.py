"""A connection of uvicorn's that takes the direct way to the model, and does not wait for ever.

A request to inference goes from the parser to its exchange and back, without a task, a scope or a router:
that is most of what a small model's answer costs. All else, and whatever is unusual (a query, an escaped
path, a pipelined request), goes through the application, which answers the same.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, cast

from httptools import HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from app.inference import NO_ROOM, Exchange
from app.messages import HEADERS, Answer
from app.problems import Problem
from app.receiver import Receiver
from app.service import Service

MAX_HEAD_BYTES = 64 * 1024
SWEEP_SECONDS = 0.5
LAST_REQUEST_SECONDS = 0.5

_WANTED = frozenset(HEADERS)

Phase = Literal["idle", "head", "body", "answer"]


class _Event:
    """Takes the place of the event that wakes an application; here nobody sleeps."""

    def set(self) -> None:
        """Do nothing."""


_NOBODY = _Event()


class DirectCycle:
    """A request and its response, as uvicorn's own cycle looks to the protocol."""

    __slots__ = ("disconnected", "exchange", "keep_alive", "response_complete")
    message_event = _NOBODY

    def __init__(self, *, keep_alive: bool) -> None:
        self.exchange: Exchange | None = None
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False


class _Flow(FlowControl):
    """Reads no further while there is enough to answer, or while answers are not read.

    uvicorn's own reads on after each answer: requests sent ahead would fill the memory.
    """

    def __init__(self, transport: asyncio.Transport, may_read: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._may_read = may_read

    def resume_reading(self) -> None:
        if self._may_read():
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """One client's connection."""

    # uvicorn sets both to None at times, and types neither so.
    cycle: Any
    parser: Any

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        service: Service,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._service = service
        self._direct: DirectCycle | None = None
        self._phase: Phase = "head"
        self._since = 0.0
        self._head_bytes = 0
        self._unread_since: float | None = None
        self.room = NO_ROOM
        """Where the next bytes belong, if that is known; all else is given to `data_received`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self._may_read)
        self._enter("head")
        if len(self.connections) > self._service.settings.max_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", {"retry-after": "1"})

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.room = NO_ROOM
        if self._direct is not None:
            self._direct.disconnected = True
            if self._direct.exchange is not None:
                self._direct.exchange.cancel()

    def data_received(self, data: bytes | memoryview) -> None:
        if self._phase == "idle":
            self._enter("head")
        super().data_received(cast(bytes, data))
        if self._phase == "head":
            # What the parser holds of a header that has no end yet is seen by nobody else.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MAX_HEAD_BYTES} bytes")
        elif self._phase == "body":
            self._make_room()

    def _make_room(self) -> None:
        """Have the rest of a long body written where it belongs, past the parser."""
        cycle = self.cycle
        # The parser of a last request ignores what follows it; a new one would not.
        if isinstance(cycle, DirectCycle) and cycle.exchange is not None and cycle.keep_alive:
            self.room = cycle.exchange.room()

    def room_filled(self, count: int) -> None:
        """Take note of bytes of a body that were written where there was room for them."""
        self.room = self.room[count:]
        if not self.room:
            # The old parser still waits for the body.
            self.parser = HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        self._enter("body")
        route = self._service.routes.get(self.url) if self._is_plain_post() else None
        if route is None:
            super().on_headers_complete()
            return
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        self._direct = cycle = DirectCycle(keep_alive=keep_alive)
        self.cycle = cycle
        headers = {name: value for name, value in self.headers if name in _WANTED}
        cycle.exchange = Exchange(self._service, route, headers, partial(self._reply, cycle))

    def _is_plain_post(self) -> bool:
        """Whether nothing is before this request, and nothing about it is unusual."""
        return (
            self.parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
        )

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if isinstance(cycle, DirectCycle):
            if cycle.exchange is not None:
                cycle.exchange.receive(body)
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        cycle = self.cycle
        self._enter("idle" if cycle.response_complete else "answer")
        if isinstance(cycle, DirectCycle):
            if cycle.exchange is not None:
                cycle.exchange.complete()
            return
        super().on_message_complete()

    def on_response_complete(self) -> None:
        # As uvicorn's own, but for a timer a request that ends an idle connection: `sweep` does.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase == "answer":
            self._enter("idle")
        self.flow.resume_reading()

    def shutdown(self) -> None:
        if self._phase == "head":
            # A request may be on its way: its answer will close the connection.
            self.loop.call_later(LAST_REQUEST_SECONDS, self._leave)
        else:
            super().shutdown()

    def _leave(self) -> None:
        if self._phase in {"head", "idle"} and not self.transport.is_closing():
            self.transport.close()

    def _may_read(self) -> bool:
        return not self.pipeline and self._unread_since is None

    def pause_writing(self) -> None:
        # A client that does not read its answers is not asked for more requests.
        super().pause_writing()
        self._unread_since = self.loop.time()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None
        self.flow.resume_reading()

    def sweep(self, now: float) -> None:
        """End what has taken too long; `now` is on the clock of the event loop."""
        settings = self._service.settings
        if self._unread_since is not None:
            if now - self._unread_since > settings.body_timeout_seconds:
                self.transport.abort()
        elif self._phase == "idle":
            if now - self._since > settings.keep_alive_seconds:
                self.transport.close()
        elif self._phase == "head":
            if now - self._since > settings.head_timeout_seconds:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the head of the request did not arrive in time")
        elif self._phase == "body" and now - self._since > settings.body_timeout_seconds:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the body of the request did not arrive in time")

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self.loop.time()

    def _reply(self, cycle: DirectCycle, answer: Answer) -> None:
        if cycle.disconnected or self.transport.is_closing():
            return
        if self._service.draining:
            # An idle connection is closed at the end of the drain; a request on its way is lost.
            cycle.keep_alive = False
        self.transport.write(self._response(answer, keep_alive=cycle.keep_alive))
        cycle.response_complete = True
        cycle.exchange = None
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _response(self, answer: Answer, *, keep_alive: bool) -> bytes:
        head = [STATUS_LINE[answer.status]]
        for name, value in self.server_state.default_headers:
            head += (name, b": ", value, b"\r\n")
        head.append(b"content-type: %b\r\n" % answer.content_type.encode())
        for name, value in answer.headers.items():
            head.append(f"{name}: {value}\r\n".encode("latin-1"))
        head.append(b"content-length: %d\r\n" % len(answer.body))
        if not keep_alive:
            head.append(b"connection: close\r\n")
        head += (b"\r\n", answer.body)
        return b"".join(head)

    def _refuse(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        """Answer what is no request, or none in time, and end the connection."""
        if self.transport.is_closing():
            return
        problem = Problem(status, detail, headers=headers)
        cycle = self.cycle
        if isinstance(cycle, DirectCycle) and not cycle.response_complete and self._phase == "body":
            cycle.keep_alive = False
            if cycle.exchange is not None:
                cycle.exchange.refuse(problem)
        elif cycle is None or cycle.response_complete:
            self.transport.write(self._response(Answer.of(problem), keep_alive=False))
        # Where an answer is under way, another before it would be taken for it.
        self.transport.close()


def protocol(service: Service) -> Callable[..., Receiver]:
    """Return what uvicorn makes a connection with."""
    return lambda *arguments, **named: Receiver(Connection(*arguments, service=service, **named))


async def sweep(connections: set[Any]) -> None:
    """End connections that have taken too long, again and again."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in tuple(connections):
            if isinstance(connection, Connection):
                connection.sweep(now)
