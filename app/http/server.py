"""Runs the server: it answers health probes while models load, and drains after SIGTERM."""

import asyncio
import logging
import math
import select
import socket
from types import FrameType
from typing import Any, cast

import uvicorn
from prometheus_client import make_asgi_app  # pyright: ignore[reportUnknownVariableType]
from starlette.types import ASGIApp

from app.http.api import create_app
from app.http.connection import Connection
from app.http.listener import Limits, Listener
from app.serving.received_bytes import ReceivedBytes
from app.serving.service import Service
from app.serving.watchdog import Watchdog
from app.settings import Settings
from app.signature import ArtifactError

ACCEPT_DRAIN_SECONDS = 1
"""How long connections in the kernel's queue are accepted at most before the socket is closed."""

FAILURE_NOTICE_SECONDS = 1
"""How long a server that has failed still answers probes and clients before it ends."""

METRICS_LIMITS = Limits(connections=32, head_seconds=5, body_seconds=5, idle_seconds=75)
"""The limits of the metrics port. Prometheus keeps its connection open from one scrape to the next."""

MAX_METRICS_REQUEST_BYTES = 2**20
"""Maximum size of all requests to the metrics port that are held in memory."""

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server that drains at the first signal and ends at the second."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop = asyncio.get_running_loop()
        self.failed = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        if self._service.draining:
            self.should_exit = self.force_exit = True
            return
        # Turn readiness off in the signal handler itself, so that no probe can come in between.
        self._service.drain()
        self._loop.call_soon_threadsafe(self._start_drain)

    def _start_drain(self) -> None:
        self._service.keep_task(asyncio.create_task(self._end_after_drain_delay()))

    async def _end_after_drain_delay(self) -> None:
        settings = self._service.settings
        log.info("draining", extra={"delay_seconds": settings.drain_delay_seconds})
        await asyncio.sleep(settings.drain_delay_seconds)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Accept what the kernel's queue holds before the socket is closed, or those clients get a reset.
        # listen(0) stops new connections.
        listening = sockets or []
        for listening_socket in listening:
            listening_socket.listen(0)
        deadline = self._loop.time() + ACCEPT_DRAIN_SECONDS
        await asyncio.sleep(0)
        while select.select(listening, [], [], 0)[0] and self._loop.time() < deadline:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def fail(self) -> None:
        """End the server with an error, because a model cannot be served."""
        self.failed = self.should_exit = True

    def fail_soon(self) -> None:
        """Fail after `FAILURE_NOTICE_SECONDS`; until then probes and clients are told that it has failed."""
        self.failed = True
        self._loop.call_later(FAILURE_NOTICE_SECONDS, self.fail)


async def serve(settings: Settings) -> int:
    """Serve until a signal or a failure ends the server.

    Returns:
        The exit status: 0 after a drain, 1 if a model cannot be loaded or has failed.

    Raises:
        ArtifactError: there is no artifact, or the artifact is invalid.
        OSError: the metrics port cannot be opened.

    """
    service = Service(settings)
    listener = Listener(create_app(service), _limits(settings), service.received_bytes, service=service)

    def new_connection(**_: object) -> Connection:
        return Connection(listener)

    server = _Server(
        uvicorn.Config(
            listener.app,
            host=settings.host,
            port=settings.port,
            http=cast(Any, new_connection),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=math.ceil(settings.drain_timeout_seconds),
        ),
        service,
    )
    # At shutdown uvicorn waits until both are empty.
    server.server_state.connections, server.server_state.tasks = listener.connections, listener.tasks
    service.on_failure = server.fail_soon
    listening_socket = server.config.bind_socket()
    metrics_app: ASGIApp = make_asgi_app(service.metrics.registry)  # pyright: ignore[reportUnknownVariableType]
    metrics_listener = Listener(metrics_app, METRICS_LIMITS, ReceivedBytes(MAX_METRICS_REQUEST_BYTES))
    metrics_server = await asyncio.get_running_loop().create_server(
        lambda: Connection(metrics_listener), settings.host, settings.metrics_port
    )
    watchdog = Watchdog(service, asyncio.get_running_loop().call_soon_threadsafe)
    watchdog.start()
    for coroutine in (_load(service, server), listener.sweep(), metrics_listener.sweep()):
        service.keep_task(asyncio.create_task(coroutine))
    if service.api_keys is not None:
        service.keep_task(asyncio.create_task(service.api_keys.watch()))
    try:
        await server.serve([listening_socket])
    finally:
        watchdog.close()
        service.close()
        metrics_server.close()
    log.info("ended")
    return 1 if server.failed else 0


def _limits(settings: Settings) -> Limits:
    return Limits(
        connections=settings.max_connections,
        head_seconds=settings.head_timeout_seconds,
        body_seconds=settings.body_timeout_seconds,
        idle_seconds=settings.keep_alive_seconds,
    )


async def _load(service: Service, server: _Server) -> None:
    """Load the models, then look for new ones every `reload_seconds` if that is not 0."""
    try:
        await service.load()
    except ArtifactError as error:
        log.error("model not loaded: %s", error, exc_info=error.__cause__)  # noqa: TRY400 - its cause, if any
        server.fail()
        return
    while service.settings.reload_seconds:
        await asyncio.sleep(service.settings.reload_seconds)
        await service.reload()
