"""Combines requests into batches: those that wait when the model becomes free are computed together.

No timer delays a request so that others can join its batch. On the event loop, a batch is what arrived in the
same iteration of the loop. On threads, it is what arrived while all threads were computing.
"""

import asyncio
import itertools
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from app.errors import DeadlineExceeded
from app.serving.deadline_sweep import DeadlineSweep
from app.serving.predictions import BatchOutputs
from app.serving.queue_slots import QueueSlot, QueueSlots
from app.serving.queued_request import (
    Limits,
    Observer,
    QueuedRequest,
    Results,
    concatenate_inputs,
    finish_all,
    overloaded,
)
from app.tensors import Arrays

SMOOTHING = 0.1
"""The weight of the newest run in the moving average of the time that a sample takes."""

MIN_SECONDS_PER_SAMPLE = 1e-9
"""The lower bound of that average. It is a divisor, so it must not become 0."""

log = logging.getLogger(__name__)


class Batcher(DeadlineSweep):
    """A bounded queue before a model. All methods must be called on the same event loop."""

    def __init__(
        self,
        run: Callable[[Arrays], BatchOutputs],
        *,
        limits: Limits,
        seconds_per_sample: float,
        executor: Executor | None,
        executors: int,
        observer: Observer,
    ) -> None:
        """Create an empty queue.

        Args:
            run: computes a batch. It may be called from several threads at the same time.
            limits: the limits of the queue and of a batch.
            seconds_per_sample: the measured time of a sample. Each run updates it.
            executor: the threads on which the model runs. None runs it on the event loop, which is right
                when a batch takes less time than passing it to a thread and back.
            executors: how many batches the executor can compute at the same time.
            observer: measures what the queue does.

        """
        super().__init__()
        self._run = run
        self._limits = limits
        self._seconds_per_sample = max(seconds_per_sample, MIN_SECONDS_PER_SAMPLE)
        self._executor = executor
        self._executors = executors if executor else 1
        self._idle = self._executors
        self._observer = observer
        self._queue: deque[QueuedRequest] = deque()
        self._slots = QueueSlots(limits.queue_size, observer.set_queue_depth)
        self._running_samples = 0
        self._running: dict[int, tuple[float, list[QueuedRequest]]] = {}
        """The start time and the batch of each run that has not ended."""
        self._run_numbers = itertools.count()
        self._latest_batch: list[QueuedRequest] = []
        """The batch that was taken from the queue last."""
        self._dispatch_is_scheduled = False
        self.finished_batches = 0
        """How many batches have been computed."""

    @property
    def busy(self) -> bool:
        """Whether any request waits or is computed."""
        return bool(self._slots.samples_ahead or self._running)

    @property
    def seconds_per_sample(self) -> float:
        """The current estimate of how long a sample takes."""
        return self._seconds_per_sample

    @property
    def running_since(self) -> float | None:
        """When the oldest unfinished run began, on the clock of `time.monotonic`. Safe from any thread."""
        return min((began for began, _ in tuple(self._running.values())), default=None)

    @property
    def _estimated_wait(self) -> float:
        """How many seconds a new request would wait for those before it."""
        return (
            (self._slots.samples_ahead + self._running_samples) * self._seconds_per_sample / self._executors
        )

    def admit(self, timeout: float, decode_wait: float = 0) -> QueueSlot:
        """Reserve a slot for a request whose head has arrived.

        Args:
            timeout: how many seconds the request may take.
            decode_wait: how many seconds pass until its body is decoded.

        Raises:
            Overloaded: no slot is free, or the request would not be answered in time.
            DeadlineExceeded: its deadline has passed.

        """
        if timeout <= 0:
            raise DeadlineExceeded()
        wait = decode_wait + self._estimated_wait
        # With nothing ahead, run the model whatever the estimate says: only a run can correct the estimate.
        if self._slots.full or (wait and wait + self._seconds_per_sample > timeout):
            raise overloaded(self._slots.samples_ahead, wait)
        return self._slots.reserve()

    def confirm(self, slot: QueueSlot) -> None:
        """Keep the slot of a request whose body has arrived and waits to be decoded.

        Raises:
            Overloaded: the body arrived so late that the slot was given to another request.

        """
        if not self._slots.confirm(slot):
            raise overloaded(self._slots.samples_ahead, self._estimated_wait)

    def release(self, slot: QueueSlot) -> None:
        """Free the slot of a request that will not be submitted."""
        self._slots.release(slot)

    def submit(self, request: QueuedRequest, slot: QueueSlot | None = None) -> None:
        """Queue a request, and free its slot.

        It finishes at once with DeadlineExceeded if it is too late, or Overloaded if there is no room.
        """
        request.queued_at = time.monotonic()
        if request.deadline <= request.queued_at:
            if slot is not None:
                self._slots.release(slot)
            request.finish(DeadlineExceeded())
            return
        if not self._slots.replace(slot, request.size):
            request.finish(overloaded(self._slots.samples_ahead, self._estimated_wait))
            return
        self._queue.append(request)
        if not self._dispatch_is_scheduled:
            self._dispatch_is_scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def cancel(self, request: QueuedRequest) -> None:
        """Drop a request whose client has disconnected. This frees its room in the queue at once."""
        if request.finished:
            return
        request.finished = True
        if request in self._queue:
            self._remove(request)

    def _remove(self, request: QueuedRequest) -> None:
        self._queue.remove(request)
        self._slots.add_waiting(-request.size)

    def _dispatch(self) -> None:
        self._dispatch_is_scheduled = False
        try:
            while self._queue and self._idle:
                if batch := self._take_batch():
                    self._start(batch)
        except Exception as error:
            # Nothing would start the requests that wait now, so they fail. New requests are served again.
            log.exception("the queue failed; all waiting requests get an error")
            self._fail_all(error)
        if self._queue or self._running:
            self._schedule_sweep()

    def _fail_all(self, error: Exception) -> None:
        requests = (*self._latest_batch, *self._queue)
        self._queue.clear()
        self._slots.add_waiting(-self._slots.waiting)
        for request in requests:
            request.finish(error)

    def _take_batch(self) -> list[QueuedRequest]:
        """Take the next batch from the start of the queue: the share of one idle executor.

        A request that cannot be computed before its deadline is refused, and a batch is no larger than its
        earliest deadline allows. Both rest on an estimate, which only a run can correct. So when nothing else
        waits or runs, the last request that would be late is computed anyway.
        """
        now, seconds = time.monotonic(), self._seconds_per_sample
        most = max(1, int(min(self._limits.batch_seconds / seconds, self._limits.batch_size)))
        share = min(most, math.ceil(self._slots.waiting / self._idle))
        batch = self._latest_batch = []
        late_request: QueuedRequest | None = None
        samples = 0
        earliest = math.inf
        while self._queue:
            request = self._queue[0]
            if now + request.size * seconds >= request.deadline:
                self._remove(request)
                if now < request.deadline and not self._running:
                    late_request, request = request, late_request
                if request is not None:
                    request.finish(DeadlineExceeded())
                continue
            new_samples, new_earliest = samples + request.size, min(earliest, request.deadline)
            if batch and (
                new_samples > share
                or request.sample_shapes != batch[0].sample_shapes
                or now + new_samples * seconds >= new_earliest
            ):
                break
            self._queue.popleft()
            batch.append(request)
            samples, earliest = new_samples, new_earliest
        self._slots.add_waiting(-samples)
        if late_request is not None and batch:
            late_request.finish(DeadlineExceeded())
        elif late_request is not None:
            batch.append(late_request)
        for request in batch:
            if request.in_metrics:
                self._observer.observe_wait(now - request.queued_at)
        return batch

    def _start(self, batch: list[QueuedRequest]) -> None:
        number = next(self._run_numbers)
        began = time.monotonic()
        self._running[number] = began, batch
        self._idle -= 1
        samples = sum(request.size for request in batch)
        self._running_samples += samples
        if any(request.in_metrics for request in batch):
            self._observer.observe_batch_size(samples)
        if self._executor is None:
            results = self._compute(batch)
            self._end_run(number, (time.monotonic() - began) / samples)
            finish_all(batch, results)
            return
        loop = asyncio.get_running_loop()

        def compute_on_thread() -> None:
            results = self._compute(batch)
            seconds = (time.monotonic() - began) / samples
            loop.call_soon_threadsafe(self._end_run_of_thread, number, results, seconds)

        try:
            self._executor.submit(compute_on_thread)
        except RuntimeError as error:
            # No thread can be started: https://docs.python.org/3/library/threading.html#threading.Thread.start
            self._end_run(number, self._seconds_per_sample)
            finish_all(batch, [(error, 0)] * len(batch))

    def _compute(self, batch: list[QueuedRequest]) -> Results:
        """Compute a batch. When it fails, compute each of its requests alone."""
        try:
            outputs = self._run(concatenate_inputs(batch))
        except BaseException as error:  # noqa: BLE001 - any error of a runtime is the result of its request
            if not isinstance(error, Exception):
                error = RuntimeError(repr(error))
            if len(batch) == 1:
                return [(error, 0)]
            return [result for request in batch for result in self._compute([request])]
        firsts = itertools.accumulate((request.size for request in batch), initial=0)
        return [(outputs, first) for _, first in zip(batch, firsts, strict=False)]

    def _end_run(self, number: int, seconds_per_sample: float) -> list[QueuedRequest]:
        _, batch = self._running.pop(number)
        self._idle += 1
        self._running_samples -= sum(request.size for request in batch)
        change = SMOOTHING * (seconds_per_sample - self._seconds_per_sample)
        self._seconds_per_sample = max(self._seconds_per_sample + change, MIN_SECONDS_PER_SAMPLE)
        self.finished_batches += 1
        return batch

    def _end_run_of_thread(self, number: int, results: Results, seconds_per_sample: float) -> None:
        batch = self._end_run(number, seconds_per_sample)
        # Start the next batch first, so that it is computed while these responses are written.
        self._dispatch()
        finish_all(batch, results)

    def _expire(self, now: float) -> bool:
        for request in [request for request in self._queue if request.deadline <= now]:
            self._remove(request)
            request.finish(DeadlineExceeded())
        for _, batch in self._running.values():
            for request in batch:
                if request.deadline <= now:
                    request.finish(DeadlineExceeded())
        return bool(self._queue or self._running)
