"""What the connections of one port share: what answers, how many there may be, and for how long."""

import asyncio
import logging
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from app import logs
from app.http.problems import SERVER_ERROR, Problem
from app.http.routes import Route, routes
from app.protocols.messages import Response
from app.serving.budget import Reservation
from app.serving.metrics import CONNECTIONS
from app.serving.received_bytes import ReceivedBytes
from app.serving.service import Service

if TYPE_CHECKING:
    from app.http.base_connection import BaseConnection

SWEEP_SECONDS = 0.5

LINGER_SECONDS = 5
"""How long a client may go on sending after the last answer, to be able to read it."""

RESERVED = 64
"""Connections beyond the most, so that a probe always gets an answer."""

PROBES = frozenset({b"/health", b"/health/live", b"/health/ready", b"/v2/health/live", b"/v2/health/ready"})

log = logging.getLogger(__name__)
_warnings = logs.RateLimitedWarnings(log)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many connections there may be, and how long each may take."""

    connections: int
    head_seconds: float
    """For a request's head to arrive."""

    body_seconds: float
    """For its body to arrive, and for its answer to be read."""

    idle_seconds: float
    """Between two requests."""


class Listener:
    """The connections of one port. Lives on one event loop."""

    def __init__(
        self, app: ASGIApp, limits: Limits, received: ReceivedBytes, *, service: Service | None = None
    ) -> None:
        """Take what answers.

        Args:
            app: answers all that does not go straight to a model.
            limits: of the connections.
            received: counts the bytes that they hold.
            service: its models answer; None where there are none behind this port.

        """
        self.app = app
        self.limits = limits
        self.received = received
        self.service = service
        self.connections: set[Any] = set()
        """Those that are open. The server ends when they are closed."""

        self.tasks: set[asyncio.Task[None]] = set()
        """Requests that the application answers."""

        self.idle: dict[BaseConnection, None] = {}
        """Those that wait for a request, the longest idle first."""

        self._crowded: dict[BaseConnection, None] = {}
        """Those beyond the most, the oldest first."""

        self._unread: dict[BaseConnection, Reservation] = {}
        """Those whose clients have not read their answers, the longest first, with what these take."""

        self.date = b""
        """The header: https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1."""

        self._tell_the_time()
        self.routes: dict[bytes, Route] = {}
        """The routes of inference by their paths."""

        if service is not None:
            self._update_routes(service)
            service.on_models_changed.append(partial(self._update_routes, service))

    @property
    def draining(self) -> bool:
        """Whether clients should go elsewhere."""
        return self.service is not None and self.service.draining

    @property
    def full(self) -> bool:
        """Whether there are more connections than there may be."""
        return len(self.connections) > self.limits.connections

    def _update_routes(self, service: Service) -> None:
        self.routes = routes(service)

    def opened(self, connection: "BaseConnection") -> None:
        """Take a new connection. Where there are too many, the longest idle one gives way to it."""
        self.connections.add(connection)
        if self.full:
            if self.idle:
                longest = next(iter(self.idle))
                self.closed(longest)
                longest.close()
            else:
                self._crowded[connection] = None
                if len(self._crowded) > RESERVED:
                    next(iter(self._crowded)).refuse(too_many())
        self.idle[connection] = None

    def closed(self, connection: "BaseConnection") -> None:
        """Forget a connection."""
        self.connections.discard(connection)
        self.idle.pop(connection, None)
        self._crowded.pop(connection, None)
        self.was_read(connection)

    def unread(self, connection: "BaseConnection", size: int) -> None:
        """Count an answer that its client has not read. Where these are too many, the oldest are given up."""
        if self.service is None:
            return
        budget = self.service.unread_budget
        self._unread[connection] = budget.reserve_unchecked(size)
        while len(self._unread) > 1 and budget.reserved > budget.total:
            longest = next(iter(self._unread))
            self.was_read(longest)
            longest.transport.abort()

    def was_read(self, connection: "BaseConnection") -> None:
        """Take note that a client has read its answer, or never will."""
        if (hold := self._unread.pop(connection, None)) is not None:
            hold.release()

    def is_crowded(self, connection: "BaseConnection") -> bool:
        """Tell whether a connection is beyond the most, and serves probes alone."""
        return connection in self._crowded

    def refused(self, response: Response, request_id: str, target: bytes | None) -> None:
        """Count and log what no model and no application was asked."""
        if self.service is not None:
            self.service.default_model.metrics.count_response(response.status, 0, response.reason)
        is_fault = response.status >= SERVER_ERROR
        if not is_fault and not log.isEnabledFor(logging.DEBUG):
            return
        context = {
            "request_id": request_id,
            "path": target and target.partition(b"?")[0].decode("latin-1"),
            "code": response.status,
            "reason": response.reason,
            "detail": response.detail and logs.without_values(response.detail),
        }
        if is_fault:
            _warnings.write(response.reason or str(response.status), "request refused", context)
        log.debug("request refused", extra=context)

    async def sweep(self) -> None:
        """End connections that have taken too long, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._tell_the_time()
            now = loop.time()
            for connection in tuple(self.connections):
                self._end_where_late(connection, now)

    def _end_where_late(self, connection: "BaseConnection", now: float) -> None:
        limits, seconds = self.limits, now - connection.since
        if connection.unread_since is not None:
            if now - connection.unread_since > limits.body_seconds:
                connection.transport.abort()
        elif connection.phase == "idle":
            if seconds > limits.idle_seconds:
                connection.close()
        elif connection.phase == "closing":
            if seconds > LINGER_SECONDS:
                connection.close()
        elif connection.phase == "head":
            if seconds > limits.head_seconds:
                connection.refuse(_late("head"))
        elif connection.phase == "body" and seconds > limits.body_seconds:
            connection.refuse(_late("body"))

    def _tell_the_time(self) -> None:
        self.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()


def too_many() -> Problem:
    """Return the problem of a connection that is one too many."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many connections",
        headers={"retry-after": "1"},
        reason=CONNECTIONS,
    )


def _late(what: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_TIMEOUT, f"the {what} of the request did not arrive in time")
