"""A thread that ends the process when requests cannot be answered, even if the event loop is blocked."""

import logging
import os
import threading
from collections.abc import Callable

from app.serving.self_test import SelfTest
from app.serving.served_model import ServedModel
from app.serving.service import Service

TICK_SECONDS = 0.5
"""The time between two checks."""

LOOP_SECONDS = 5.0
"""How long the event loop may be blocked by anything but a model that is computed on it."""

GRACE_SECONDS = 5
"""How long the process may take to end by itself. After that the watchdog ends it."""

EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h: https://man.openbsd.org/sysexits."""

log = logging.getLogger(__name__)


class Watchdog:
    """Watches a service until it is closed."""

    def __init__(self, service: Service, call_soon: Callable[..., object]) -> None:
        """Prepare the thread.

        Args:
            service: the service to watch.
            call_soon: calls a function on the event loop of the service. It must be safe from any thread.

        """
        self._service = service
        self._call_soon = call_soon
        self._closed = threading.Event()
        self._loop_responded = True
        """Whether the event loop has run `_poll_models` since it was last asked to."""
        self._self_tests: dict[ServedModel, SelfTest] = {}
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()

    def _watch(self) -> None:
        settings = self._service.settings
        # Count ticks, not seconds: when the whole process was suspended for a while, it was not blocked.
        blocked_ticks = 0
        while not self._closed.wait(TICK_SECONDS):
            if self._service.draining:
                # The event loop ends the drain, unless a model blocks it.
                if not self._closed.wait(
                    settings.drain_delay_seconds + settings.drain_timeout_seconds + TICK_SECONDS
                ):
                    self._end_process("the drain took too long", 0)
            elif (model := self._service.stuck_model) is not None:
                why = f"a run took longer than {settings.model_timeout_seconds:g} s"
                self._call_soon(self._service.fail, model, why)
                if not self._closed.wait(GRACE_SECONDS):
                    self._end_process("the model is stuck", EXIT_STATUS)
            elif self._loop_responded:
                self._loop_responded, blocked_ticks = False, 0
                self._call_soon(self._poll_models)
            elif not self._service.computes_on_event_loop:
                blocked_ticks += 1
                if blocked_ticks * TICK_SECONDS >= LOOP_SECONDS:
                    self._end_process("the event loop is blocked", EXIT_STATUS)

    def _poll_models(self) -> None:
        """Poll the self-test of each model. Runs on the event loop."""
        self._loop_responded = True
        # Keep no test of a model that is not served any more: the test would keep the model in memory.
        self._self_tests = {
            model: self._self_tests.get(model) or SelfTest(self._service, model)
            for model in self._service.models
            if model.state == "ready"
        }
        for model, test in self._self_tests.items():
            if (why := test.poll()) is not None:
                self._service.fail(model, why)

    def _end_process(self, why: str, status: int) -> None:
        log.critical("process ended: %s", why)
        logging.shutdown()
        os._exit(status)
