"""Decodes request bodies on threads: pictures, long JSON, and everything that is compressed.

Each model has a queue of its own, and the threads take from each queue in turn, so that many requests to one
model do not delay those to another. The slots of the model's own queue bound how many bodies wait here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

from app.serving.deadline_sweep import DeadlineSweep

SMOOTHING = 0.1
"""The weight of the newest body in the moving average of the time that decoding takes."""


class DecodeJob:
    """One body to decode."""

    __slots__ = ("deadline", "decode", "finished", "on_expired", "on_result")

    def __init__(
        self,
        deadline: float,
        decode: Callable[[], Any],
        on_result: Callable[[Any], None],
        on_expired: Callable[[], None],
    ) -> None:
        """Create a job that is not in a queue yet.

        Args:
            deadline: when the body must be decoded, on the clock of `time.monotonic`.
            decode: decodes the body. It is called on a thread.
            on_result: receives what `decode` returned or raised, on the event loop. It is called also after
                the deadline and after the job was cancelled, when decoding had begun by then.
            on_expired: is called on the event loop when the deadline passes before there is a result.

        """
        self.deadline = deadline
        self.decode = decode
        self.on_result = on_result
        self.on_expired = on_expired
        self.finished = False
        """Whether it was decoded, cancelled, or its deadline has passed."""


class DecodePool(DeadlineSweep):
    """The threads that decode bodies, and a queue for each model.

    All methods must be called on the event loop; only `decoding_since` is safe from any thread.
    """

    def __init__(self, threads: int) -> None:
        """Create a pool that decodes as many bodies at the same time as it has threads."""
        super().__init__()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._threads = self._idle = threads
        self._queues: dict[object, deque[DecodeJob]] = {}
        """The jobs that wait, by model. The next job is taken from the first queue."""
        self._running: dict[DecodeJob, float] = {}
        """When each job that is being decoded began."""
        self._seconds_per_body: WeakKeyDictionary[object, float] = WeakKeyDictionary()
        self.finished_jobs = 0
        """How many bodies have been decoded."""

    @property
    def busy(self) -> bool:
        """Whether any body waits or is being decoded."""
        return bool(self._queues or self._running)

    @property
    def decoding_since(self) -> float | None:
        """When the oldest unfinished job began, on the clock of `time.monotonic`. Safe from any thread."""
        return min(tuple(self._running.values()), default=None)

    def seconds_ahead(self, model: object) -> float:
        """Estimate how many seconds pass until a new body for a model is decoded.

        Returns:
            0 when a thread is free and no body waits.

        """
        own = len(self._queues.get(model, ()))
        ahead = sum(
            min(len(jobs), own + 1) * self._seconds_per_body.get(other, 0)
            for other, jobs in self._queues.items()
        )
        if not ahead and self._idle:
            return 0
        return ahead / self._threads + self._seconds_per_body.get(model, 0)

    def submit(self, model: object, job: DecodeJob) -> None:
        """Add a job to the queue of a model."""
        self._queues.setdefault(model, deque()).append(job)
        self._dispatch()

    def cancel(self, model: object, job: DecodeJob) -> None:
        """Drop a job. Its body is not decoded, unless decoding has begun."""
        job.finished = True
        jobs = self._queues.get(model, ())
        if job in jobs:
            self._queues[model].remove(job)
            if not jobs:
                del self._queues[model]

    def close(self) -> None:
        """Shut the threads down without waiting for the jobs that they are decoding."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _dispatch(self) -> None:
        while self._idle and self._queues:
            model, jobs = next(iter(self._queues.items()))
            # Move the queue behind all others. An empty queue is removed.
            del self._queues[model]
            job = jobs.popleft()
            if jobs:
                self._queues[model] = jobs
            self._start(model, job)
        if self._queues or self._running:
            self._schedule_sweep()

    def _start(self, model: object, job: DecodeJob) -> None:
        self._idle -= 1
        loop = asyncio.get_running_loop()
        began = self._running[job] = time.monotonic()

        def decode_on_thread() -> None:
            try:
                result = job.decode()
            except BaseException as error:  # noqa: BLE001 - any error is the result of its request
                result = error if isinstance(error, Exception) else RuntimeError(repr(error))
            loop.call_soon_threadsafe(self._finish, model, job, time.monotonic() - began, result)

        try:
            self._executor.submit(decode_on_thread)
        except RuntimeError as error:
            # No thread can be started.
            loop.call_soon(self._finish, model, job, 0, error)

    def _finish(self, model: object, job: DecodeJob, seconds: float, result: Any) -> None:  # noqa: ANN401
        del self._running[job]
        self._idle += 1
        self.finished_jobs += 1
        average = self._seconds_per_body.get(model, seconds)
        self._seconds_per_body[model] = average + SMOOTHING * (seconds - average)
        # Start the next job first, so that it is decoded while this result is used.
        self._dispatch()
        job.finished = True
        job.on_result(result)

    def _expire(self, now: float) -> bool:
        waiting = [(model, job) for model, jobs in self._queues.items() for job in jobs]
        for model, job in waiting:
            if job.deadline <= now:
                self.cancel(model, job)
                job.on_expired()
        for job in tuple(self._running):
            if job.deadline <= now and not job.finished:
                job.finished = True
                job.on_expired()
        return bool(self._queues or self._running)
