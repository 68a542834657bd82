"""Asks a model for the answer to its own sample, in the way that a client's request goes."""

import time

from app.errors import RequestError
from app.serving.budget import Reservation
from app.serving.decode_pool import DecodeJob
from app.serving.predictions import BatchOutputs
from app.serving.queued_request import QueuedRequest
from app.serving.served_model import ServedModel
from app.serving.service import Service
from app.tensors import Arrays

ASK_SECONDS = 5.0
"""How long nothing may have been answered before the model is asked."""

WAITING_SECONDS = 1.0
"""The same while requests wait."""

ANSWER_SECONDS = 3.0
"""How long an answer may take while nothing else moves."""

READ_SECONDS = 10.0
"""How long a body may be read. The largest picture takes one or two on half a core."""

SHARE = 0.01
"""Most of the model's time that may go into questions."""

FAILURES = 2
"""How many questions in a row must fail before the model counts as failed."""


class Pulse:
    """Watches one model. `beat` is called again and again on the event loop.

    The question goes through the threads that read bodies, the memory for requests, the queue and the model.
    It is asked only while nothing is answered, so that a model under load is not asked at all.
    """

    def __init__(self, service: Service, model: ServedModel) -> None:
        self._service = service
        self._model = model
        self._moved = (0, 0)
        self._still_since = self._asked_at = time.monotonic()
        self._asked = False
        self._failures = 0
        self._hold: Reservation | None = None

    def beat(self) -> str | None:
        """Look whether anything moves; if not, ask.

        Returns:
            Why the model counts as failed, or None.

        """
        now, batcher, readers = time.monotonic(), self._model.batcher, self._service.decode_pool
        if self._failures >= FAILURES:
            return "it cannot answer to its own sample"
        moved = batcher.finished, readers.finished
        reading = readers.oldest is not None and now - readers.oldest < READ_SECONDS
        if moved != self._moved or batcher.oldest is not None or reading:
            self._moved, self._still_since = moved, now
            return None
        if self._asked:
            still = now - max(self._asked_at, self._still_since)
            return "it does not answer to its own sample" if still > ANSWER_SECONDS else None
        waits = batcher.busy or readers.busy or self._failures
        rest = WAITING_SECONDS if waits else max(ASK_SECONDS, batcher.seconds / SHARE)
        if now - self._still_since >= rest and now - self._asked_at >= rest:
            self._ask(now)
        return None

    def _ask(self, now: float) -> None:
        self._asked, self._asked_at = True, now
        reading = DecodeJob(now + ANSWER_SECONDS, self._read, self._submit, self._forget)
        self._service.decode_pool.submit(self._model, reading)

    def _forget(self) -> None:
        # Other bodies are read: the threads are not stuck, and the next question will tell.
        self._asked = self._service.decode_pool.finished == self._moved[1]

    def _read(self) -> Arrays:
        inputs = self._model.artifact.inputs
        size = sum(array.nbytes for array in inputs.values())
        self._hold = self._service.budget.reserve(size, self._asked_at + ANSWER_SECONDS, lambda: True)
        return {name: array.copy() for name, array in inputs.items()}

    def _submit(self, read: Arrays | Exception) -> None:
        if isinstance(read, Exception):
            self._answered(read, 0)
            return
        deadline = time.monotonic() + self._service.settings.request_timeout_seconds
        self._model.batcher.submit(QueuedRequest(read, deadline, self._answered, counted=False))

    def _answered(self, result: BatchOutputs | Exception, _: int) -> None:
        self._asked = False
        if self._hold is not None:
            self._hold.release()
            self._hold = None
        self._failures = self._failures + 1 if isinstance(result, Exception) else 0
        if isinstance(result, Exception) and not isinstance(result, RequestError):
            self._service.check_after_failure(self._model)
