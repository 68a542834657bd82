"""The shared state of all connections to one port, and the limits on their number and duration."""

import asyncio
import logging
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from app import logs
from app.http.access import Access
from app.http.cors import Cors
from app.http.problems import SERVER_ERROR, Problem
from app.http.request import Request
from app.http.routes import PROBE_PATHS, Route, inference_routes
from app.protocols.messages import Response
from app.serving.budget import Reservation
from app.serving.metrics import CONNECTIONS
from app.serving.received_bytes import ReceivedBytes
from app.serving.service import Service

if TYPE_CHECKING:
    from app.http.base_connection import BaseConnection

SWEEP_INTERVAL_SECONDS = 0.5
"""How often the connections are checked for timeouts."""

CLOSING_SECONDS = 5
"""How long a client may continue to send after the last response, so that it can still read the response."""

EXTRA_CONNECTIONS = 64
"""Number of connections that are accepted above the limit, for health probes only."""

log = logging.getLogger(__name__)
_warnings = logs.RateLimitedWarnings(log)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of the connections to one port."""

    connections: int
    """Maximum number of connections at once, without the `EXTRA_CONNECTIONS`."""

    head_seconds: float
    """Maximum time in which the head of a request must arrive."""

    body_seconds: float
    """Maximum time in which the body of a request must arrive, and in which a response must be read."""

    idle_seconds: float
    """Maximum time between two requests."""


class Listener:
    """The connections to one port. Lives on one event loop."""

    def __init__(
        self, app: ASGIApp, limits: Limits, received: ReceivedBytes, *, service: Service | None = None
    ) -> None:
        """Create a listener without connections.

        Args:
            app: answers all requests except those to the inference paths.
            limits: of the connections.
            received: counts and limits the bytes of all requests that are held in memory.
            service: answers the requests to the inference paths; None if the port has no such paths.

        """
        self.app = app
        self.limits = limits
        self.received = received
        self.service = service
        self.connections: set[Any] = set()
        """All open connections. uvicorn waits for them at shutdown."""

        self.tasks: set[asyncio.Task[None]] = set()
        """The running calls of the application. uvicorn waits for them at shutdown."""

        self.idle: dict[BaseConnection, None] = {}
        """The connections that wait for a request, the one that waits longest first."""

        self._over_limit: dict[BaseConnection, None] = {}
        """The connections above the limit, in the order in which they were opened."""

        self._unread: dict[BaseConnection, Reservation] = {}
        """The connections with responses that the client has not read, and the memory of these responses.

        The connection that has waited longest is first.
        """

        self.date = b""
        """The complete Date header line: https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1."""

        self._update_date()
        self.routes: dict[bytes, Route] = {}
        """The inference routes, by the exact path of a request."""

        self.root_path = ""
        """The prefix that the paths of requests may have."""

        self.cors: Cors | None = None
        self._access: Access | None = None
        if service is not None:
            settings = service.settings
            self.root_path = settings.root_path
            self.cors = Cors(settings.cors_origins) if settings.cors_origins else None
            self._access = Access(service.api_keys, settings.root_path) if service.api_keys else None
            self._update_routes(service)
            service.on_models_changed.append(partial(self._update_routes, service))

    @property
    def draining(self) -> bool:
        """Whether connections are closed after their next response, because the server shuts down."""
        return self.service is not None and self.service.draining

    @property
    def is_over_limit(self) -> bool:
        """Whether more connections are open than the limit."""
        return len(self.connections) > self.limits.connections

    def _update_routes(self, service: Service) -> None:
        self.routes = inference_routes(service)

    def add(self, connection: "BaseConnection") -> None:
        """Add a new connection. Above the limit, the connection that has been idle longest is closed.

        If none is idle, the new connection answers health probes only.
        """
        self.connections.add(connection)
        if self.is_over_limit:
            if self.idle:
                longest_idle = next(iter(self.idle))
                self.remove(longest_idle)
                longest_idle.close()
            else:
                self._over_limit[connection] = None
                if len(self._over_limit) > EXTRA_CONNECTIONS:
                    oldest = next(iter(self._over_limit))
                    oldest.refuse(_too_many_connections())
        self.idle[connection] = None

    def remove(self, connection: "BaseConnection") -> None:
        """Remove a connection that is closed."""
        self.connections.discard(connection)
        self.idle.pop(connection, None)
        self._over_limit.pop(connection, None)
        self.remove_unread(connection)

    def add_unread(self, connection: "BaseConnection", size: int) -> None:
        """Count the memory of responses that a client has not read.

        If all such responses take too much memory, the connections that have waited longest are aborted.

        Args:
            connection: to the client.
            size: bytes of the responses.

        """
        if self.service is None:
            return
        budget = self.service.unread_budget
        self._unread[connection] = budget.reserve_unchecked(size)
        while len(self._unread) > 1 and budget.reserved > budget.total:
            oldest = next(iter(self._unread))
            self.remove_unread(oldest)
            oldest.transport.abort()

    def remove_unread(self, connection: "BaseConnection") -> None:
        """Release the memory counted by `add_unread`: the client has read its responses, or has gone."""
        if (reservation := self._unread.pop(connection, None)) is not None:
            reservation.release()

    def answers_probes_only(self, connection: "BaseConnection") -> bool:
        """Tell whether a connection was opened above the limit, and so answers health probes only."""
        return connection in self._over_limit

    def check(self, connection: "BaseConnection", request: Request) -> None:
        """Check from the head of a request that the connection may answer it.

        Raises:
            Problem: 503, if the connection was opened above the limit, the limit is still exceeded, and the
                request is not a health probe. 400, 401 or 503, if the request has no valid API key.

        """
        if connection in self._over_limit and self.is_over_limit and request.target not in PROBE_PATHS:
            raise _too_many_connections()
        if self._access is not None:
            self._access.check(request)

    def record_refusal(self, response: Response, request_id: str, target: bytes | None) -> None:
        """Count and log a request that the connection itself has refused.

        Args:
            response: the error response.
            request_id: of the request, or a new one.
            target: path and query of the request; None if its head could not be parsed.

        """
        if self.service is not None:
            self.service.default_model.metrics.count_response(response.status, 0, response.reason)
        is_server_error = response.status >= SERVER_ERROR
        if not is_server_error and not log.isEnabledFor(logging.DEBUG):
            return
        context = {
            "request_id": request_id,
            "path": target and target.partition(b"?")[0].decode("latin-1"),
            "code": response.status,
            "reason": response.reason,
            "detail": response.detail and logs.without_values(response.detail),
        }
        if is_server_error:
            _warnings.write(response.reason or str(response.status), "request refused", context)
        log.debug("request refused", extra=context)

    async def sweep(self) -> None:
        """End connections that are over a time limit, every `SWEEP_INTERVAL_SECONDS`, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)
            self._update_date()
            now = loop.time()
            for connection in tuple(self.connections):
                self._end_if_late(connection, now)

    def _end_if_late(self, connection: "BaseConnection", now: float) -> None:
        limits, seconds = self.limits, now - connection.phase_since
        if connection.unread_since is not None:
            if now - connection.unread_since > limits.body_seconds:
                connection.transport.abort()
        elif connection.phase == "idle":
            if seconds > limits.idle_seconds:
                connection.close()
        elif connection.phase == "closing":
            if seconds > CLOSING_SECONDS:
                connection.close()
        elif connection.phase == "head":
            if seconds > limits.head_seconds:
                connection.refuse(_timed_out("head"))
        elif connection.phase == "body" and seconds > limits.body_seconds:
            connection.refuse(_timed_out("body"))

    def _update_date(self) -> None:
        self.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()


def _too_many_connections() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too many connections",
        headers={"retry-after": "1"},
        reason=CONNECTIONS,
    )


def _timed_out(part: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_TIMEOUT, f"the {part} of the request did not arrive in time")
