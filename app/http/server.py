"""Runs the server: it answers probes while models load, and drains after SIGTERM."""

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

SCRAPES = Limits(connections=32, head_seconds=5, body_seconds=5, idle_seconds=75)
"""Of the metrics port. Prometheus keeps its connection from one scrape to the next."""

SCRAPES_BYTES = 2**20
"""Most that is held of requests to the metrics port."""

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server whose first signal drains and whose second ends."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop = asyncio.get_running_loop()
        self.failed = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        if self._service.draining:
            self.should_exit = self.force_exit = True
            return
        # Readiness goes first, in the handler itself: nothing may come between.
        self._service.drain()
        self._loop.call_soon_threadsafe(self._start_to_drain)

    def _start_to_drain(self) -> None:
        self._service.keep_task(asyncio.create_task(self._end_after_the_delay()))

    async def _end_after_the_delay(self) -> None:
        settings = self._service.settings
        log.info("draining", extra={"delay_seconds": settings.drain_delay_seconds})
        await asyncio.sleep(settings.drain_delay_seconds)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Accept what the kernel's queue holds before the socket is closed, or those clients get a reset.
        # listen(0) stops new connections.
        listeners = sockets or []
        for listener in listeners:
            listener.listen(0)
        deadline = self._loop.time() + ACCEPT_DRAIN_SECONDS
        await asyncio.sleep(0)
        while select.select(listeners, [], [], 0)[0] and self._loop.time() < deadline:  # noqa: ASYNC110 - as it is
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def fail(self) -> None:
        """End the server, because its models cannot be served any more."""
        self.failed = self.should_exit = True

    def fail_soon(self) -> None:
        """End the server after a second, in which probes and clients still learn that it has failed."""
        self.failed = True
        self._loop.call_later(FAILURE_NOTICE_SECONDS, self.fail)


async def serve(settings: Settings) -> int:
    """Serve until a signal ends it.

    Returns:
        The exit status: 0 after a drain, 1 where a model cannot be served, or not any more.

    Raises:
        ArtifactError: there is no artifact, or it contradicts itself.
        OSError: the metrics port is taken.

    """
    service = Service(settings)
    listener = Listener(create_app(service), _limits(settings), service.received_bytes, service=service)

    def connect(**_: object) -> Connection:
        return Connection(listener)

    server = _Server(
        uvicorn.Config(
            listener.app,
            host=settings.host,
            port=settings.port,
            http=cast(Any, connect),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=math.ceil(settings.drain_timeout_seconds),
        ),
        service,
    )
    # It ends when these are closed.
    server.server_state.connections, server.server_state.tasks = listener.connections, listener.tasks
    service.on_failure = server.fail_soon
    bound = server.config.bind_socket()
    scrapes: ASGIApp = make_asgi_app(service.metrics.registry)  # pyright: ignore[reportUnknownVariableType]
    scraped = Listener(scrapes, SCRAPES, ReceivedBytes(SCRAPES_BYTES))
    metrics = await asyncio.get_running_loop().create_server(
        lambda: Connection(scraped), settings.host, settings.metrics_port
    )
    watchdog = Watchdog(service, asyncio.get_running_loop().call_soon_threadsafe)
    watchdog.start()
    for work in (_load(service, server), listener.sweep(), scraped.sweep()):
        service.keep_task(asyncio.create_task(work))
    try:
        await server.serve([bound])
    finally:
        watchdog.close()
        service.close()
        metrics.close()
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
    try:
        await service.load()
    except ArtifactError as error:
        log.error("model not loaded: %s", error, exc_info=error.__cause__)  # noqa: TRY400 - its cause, if any
        server.fail()
        return
    while service.settings.reload_seconds:
        await asyncio.sleep(service.settings.reload_seconds)
        await service.reload()
