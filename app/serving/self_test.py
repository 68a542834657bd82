"""Sends a model its own sample along the way of a client's request, and checks that an answer comes."""

import time

from app.errors import RequestError
from app.serving.budget import Reservation
from app.serving.decode_pool import DecodeJob
from app.serving.predictions import BatchOutputs
from app.serving.queued_request import QueuedRequest
from app.serving.served_model import ServedModel
from app.serving.service import Service
from app.tensors import Arrays

IDLE_SECONDS = 5.0
"""How long nothing must have been answered before a test starts."""

WAITING_SECONDS = 1.0
"""The same when requests are waiting."""

ANSWER_SECONDS = 3.0
"""How long the answer may take while nothing else is decoded or computed."""

DECODE_SECONDS = 10.0
"""How long decoding a body may take. The largest picture takes one or two seconds on half a core."""

MAX_SHARE = 0.01
"""The largest part of the model's time that tests may take."""

MAX_FAILURES = 2
"""How many tests in a row must fail before the model counts as failed."""


class SelfTest:
    """Tests one model while no other requests are answered.

    The sample passes through the decode pool, the memory budget, the queue and the model. A model under load
    shows by its answers that it works, so it is not tested.
    """

    def __init__(self, service: Service, model: ServedModel) -> None:
        self._service = service
        self._model = model
        self._counts = (0, 0)
        """How many batches were computed and how many bodies decoded, when that last changed."""
        self._idle_since = self._started_at = time.monotonic()
        self._is_running = False
        self._failures = 0
        self._memory: Reservation | None = None

    def poll(self) -> str | None:
        """Start a test if it is time for one, and check the last. Call this regularly on the event loop.

        Returns:
            Why the model counts as failed, or None.

        """
        now, batcher, pool = time.monotonic(), self._model.batcher, self._service.decode_pool
        if self._failures >= MAX_FAILURES:
            return "it cannot compute its own sample"
        counts = batcher.finished_batches, pool.finished_jobs
        is_decoding = pool.decoding_since is not None and now - pool.decoding_since < DECODE_SECONDS
        if counts != self._counts or batcher.running_since is not None or is_decoding:
            self._counts, self._idle_since = counts, now
            return None
        if self._is_running:
            idle = now - max(self._started_at, self._idle_since)
            return "it does not answer its own sample" if idle > ANSWER_SECONDS else None
        is_waiting = batcher.busy or pool.busy or self._failures
        pause = WAITING_SECONDS if is_waiting else max(IDLE_SECONDS, batcher.seconds_per_sample / MAX_SHARE)
        if now - self._idle_since >= pause and now - self._started_at >= pause:
            self._start(now)
        return None

    def _start(self, now: float) -> None:
        self._is_running, self._started_at = True, now
        job = DecodeJob(now + ANSWER_SECONDS, self._copy_sample, self._submit, self._on_expired)
        self._service.decode_pool.submit(self._model, job)

    def _on_expired(self) -> None:
        # If other bodies were decoded meanwhile, the threads work: end this test, a later one decides.
        self._is_running = self._service.decode_pool.finished_jobs == self._counts[1]

    def _copy_sample(self) -> Arrays:
        inputs = self._model.artifact.inputs
        size = sum(array.nbytes for array in inputs.values())
        self._memory = self._service.budget.reserve(size, self._started_at + ANSWER_SECONDS, lambda: True)
        return {name: array.copy() for name, array in inputs.items()}

    def _submit(self, inputs: Arrays | Exception) -> None:
        if isinstance(inputs, Exception):
            self._on_result(inputs, 0)
            return
        deadline = time.monotonic() + self._service.settings.request_timeout_seconds
        self._model.batcher.submit(QueuedRequest(inputs, deadline, self._on_result, in_metrics=False))

    def _on_result(self, result: BatchOutputs | Exception, _: int) -> None:
        self._is_running = False
        if self._memory is not None:
            self._memory.release()
            self._memory = None
        self._failures = self._failures + 1 if isinstance(result, Exception) else 0
        if isinstance(result, Exception) and not isinstance(result, RequestError):
            self._service.failures.check(self._model)
