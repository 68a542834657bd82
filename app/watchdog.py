"""A thread that sees when a model does not come back, also where it holds up the event loop."""

import logging
import os
import threading
from collections.abc import Callable

from app.service import Service

TICK_SECONDS = 0.5
GRACE_SECONDS = 5
"""How long the process may take to end by itself before it is ended."""

EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h: https://man.openbsd.org/sysexits."""

log = logging.getLogger(__name__)


class Watchdog:
    """Watches a service until it is closed."""

    def __init__(self, service: Service, call_soon: Callable[..., object]) -> None:
        """Take the service, and what runs a function on its event loop from another thread."""
        self._service = service
        self._call_soon = call_soon
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop to watch."""
        self._closed.set()

    def _watch(self) -> None:
        settings = self._service.settings
        while not self._closed.wait(TICK_SECONDS):
            if self._service.draining:
                # The event loop sees to it, unless a model holds it up.
                if not self._closed.wait(
                    settings.drain_delay_seconds + settings.drain_timeout_seconds + TICK_SECONDS
                ):
                    self._end("the drain took too long", 0)
            elif (model := self._service.stuck) is not None:
                why = f"it did not come back within {settings.model_timeout_seconds:g} s"
                self._call_soon(self._service.fail, model, why)
                if not self._closed.wait(GRACE_SECONDS):
                    self._end("the model does not come back", EXIT_STATUS)

    def _end(self, why: str, status: int) -> None:
        log.critical("ended: %s", why)
        logging.shutdown()
        os._exit(status)
