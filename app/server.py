"""uvicorn with a life: it answers probes while the model loads, and drains when it is told to end."""

import asyncio
import logging
import math
from types import FrameType

import uvicorn
from prometheus_client import start_http_server

from app.api import create_app
from app.service import Service
from app.settings import Settings
from app.signature import ArtifactError

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """A server whose first signal drains and whose second ends."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._drain: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        if self._service.state == "draining":
            self.should_exit = self.force_exit = True
            return
        # Readiness goes first, in the handler itself: nothing may come between.
        self._service.drain()
        self._loop.call_soon_threadsafe(self._start_to_drain)

    def _start_to_drain(self) -> None:
        self._drain = asyncio.create_task(self._end_after_the_delay())

    async def _end_after_the_delay(self) -> None:
        settings = self._service.settings
        log.info("draining", extra={"delay_seconds": settings.drain_delay_seconds})
        await asyncio.sleep(settings.drain_delay_seconds)
        self.should_exit = True


async def serve(settings: Settings) -> int:
    """Serve until a signal ends it.

    Returns:
        The exit status: 0 after a drain, 1 where the model cannot be served.

    Raises:
        ArtifactError: there is no artifact, or it contradicts itself.
        OSError: the metrics port is taken.

    """
    service = Service(settings)
    server = _Server(
        uvicorn.Config(
            create_app(service),
            host=settings.host,
            port=settings.port,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(settings.drain_timeout_seconds),
        ),
        service,
    )
    metrics, _ = start_http_server(settings.metrics_port, settings.host, service.metrics.registry)
    loading = asyncio.create_task(_load(service, server))
    try:
        await server.serve()
    finally:
        service.close()
        metrics.shutdown()
        metrics.server_close()
    failed = loading.done() and not loading.result()
    log.info("ended")
    return 1 if failed else 0


async def _load(service: Service, server: uvicorn.Server) -> bool:
    try:
        await service.load()
    except ArtifactError as error:
        log.error("model not loaded: %s", error, exc_info=error.__cause__)  # noqa: TRY400 - its cause, if any
        server.should_exit = True
        return False
    return True
