"""A thread that sees when requests can no longer be answered, also where the event loop is blocked."""

import logging
import os
import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

from app.serving.self_test import Pulse
from app.serving.served_model import ServedModel
from app.serving.service import Service

TICK_SECONDS = 0.5
LOOP_SECONDS = 5.0
"""How long the event loop may be held up by anything but a model that is computed on it."""

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
        self._came_back = True
        self._pulses: WeakKeyDictionary[ServedModel, Pulse] = WeakKeyDictionary()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop to watch."""
        self._closed.set()

    def _watch(self) -> None:
        settings = self._service.settings
        # Ticks, not seconds: a process that was stopped for a while has not been stuck.
        held_up = 0
        while not self._closed.wait(TICK_SECONDS):
            if self._service.draining:
                # The event loop ends the drain, unless a model blocks it.
                if not self._closed.wait(
                    settings.drain_delay_seconds + settings.drain_timeout_seconds + TICK_SECONDS
                ):
                    self._end("the drain took too long", 0)
            elif (model := self._service.stuck_model) is not None:
                why = f"it did not come back within {settings.model_timeout_seconds:g} s"
                self._call_soon(self._service.fail, model, why)
                if not self._closed.wait(GRACE_SECONDS):
                    self._end("the model does not come back", EXIT_STATUS)
            elif self._came_back:
                self._came_back, held_up = False, 0
                self._call_soon(self._beat)
            elif not self._service.computes_on_the_loop:
                held_up += 1
                if held_up * TICK_SECONDS >= LOOP_SECONDS:
                    self._end("the event loop does not come back", EXIT_STATUS)

    def _beat(self) -> None:
        """Ask each model; on the event loop."""
        self._came_back = True
        for model in self._service.models:
            if model.state == "ready":
                pulse = self._pulses.get(model) or self._pulses.setdefault(model, Pulse(self._service, model))
                if (why := pulse.beat()) is not None:
                    self._service.fail(model, why)

    def _end(self, why: str, status: int) -> None:
        log.critical("ended: %s", why)
        logging.shutdown()
        os._exit(status)
