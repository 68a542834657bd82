"""Requests to batches: those that wait when the model becomes free are computed together.

No timer delays a request so that others may join it. On the event loop a batch is what arrived in the same
turn of the loop; on threads it is what gathered while all of them computed.
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
from app.serving.predictions import BatchOutputs
from app.serving.queue_slots import QueueSlot, QueueSlots
from app.serving.queued_request import Limits, Observer, QueuedRequest, Results, joined, overloaded, tell
from app.tensors import Arrays

SWEEP_SECONDS = 0.05
"""How late the end of a deadline may be seen while the model is busy."""

SMOOTHING = 0.1
"""Weight of the newest run in the mean time that a sample takes."""

LEAST_SECONDS = 1e-9
"""No sample is taken to be faster, so that the mean time can be divided by."""

log = logging.getLogger(__name__)


class Batcher:
    """A bounded queue before a model. Lives on one event loop; all calls come from there."""

    def __init__(
        self,
        run: Callable[[Arrays], BatchOutputs],
        *,
        limits: Limits,
        seconds_a_sample: float,
        executor: Executor | None,
        executors: int,
        observer: Observer,
    ) -> None:
        """Take the model, and where it runs.

        Args:
            run: answers a batch; may be called from several threads at once.
            limits: of the queue and of a batch.
            seconds_a_sample: as measured; kept up to date by each run.
            executor: where the model runs; None runs it on the event loop, which is right where a batch
                takes less time than the way to a thread and back.
            executors: how many batches may be computed at once.
            observer: is told what the queue does.

        """
        self._run = run
        self._limits = limits
        self._seconds = max(seconds_a_sample, LEAST_SECONDS)
        self._executor = executor
        self._executors = executors if executor else 1
        self._idle = self._executors
        self._observer = observer
        self._queue: deque[QueuedRequest] = deque()
        self._places = QueueSlots(limits.queue_size, observer.queued)
        self._computing = 0
        self._running: dict[int, tuple[float, list[QueuedRequest]]] = {}
        self._numbers = itertools.count()
        self._taken: list[QueuedRequest] = []
        """The batch that was taken last."""
        self._dispatching = False
        self._sweeping = False
        self.finished = 0
        """How many batches have been computed."""

    @property
    def busy(self) -> bool:
        """Whether anything waits or is computed."""
        return bool(self._places.ahead or self._running)

    @property
    def seconds(self) -> float:
        """How long a sample takes, as far as is known."""
        return self._seconds

    @property
    def oldest(self) -> float | None:
        """When the run that takes longest began, on the clock of `time.monotonic`. From any thread."""
        return min((began for began, _ in tuple(self._running.values())), default=None)

    @property
    def _wait(self) -> float:
        """How long a request that comes now waits for those before it."""
        return (self._places.ahead + self._computing) * self._seconds / self._executors

    def admit(self, seconds: float, before: float = 0) -> QueueSlot:
        """Reserve a place for a request whose head has come.

        Args:
            seconds: how long the request may take.
            before: seconds that will pass before its body has been read.

        Raises:
            Overloaded: no place is free, or it would not be answered in time.
            DeadlineExceeded: its time is over already.

        """
        if seconds <= 0:
            raise DeadlineExceeded()
        wait = before + self._wait
        # With nothing ahead, run the model whatever the estimate says: only a run can correct the estimate.
        if self._places.full or (wait and wait + self._seconds > seconds):
            raise overloaded(self._places.ahead, wait)
        return self._places.reserve()

    def confirm(self, place: QueueSlot) -> None:
        """Keep the place of a request whose body is whole and will be read.

        Raises:
            Overloaded: the body came so late that the place was given to others.

        """
        if not self._places.keep(place):
            raise overloaded(self._places.ahead, self._wait)

    def release(self, place: QueueSlot) -> None:
        """Give back the place of a request that will not be submitted."""
        self._places.release(place)

    def submit(self, work: QueuedRequest, place: QueueSlot | None = None) -> None:
        """Put work into the queue, in the place that its request holds.

        Work that is too late ends at once with DeadlineExceeded, and work without room with Overloaded.
        """
        work.queued_at = time.monotonic()
        if work.deadline <= work.queued_at:
            if place is not None:
                self._places.release(place)
            work.end(DeadlineExceeded())
            return
        if not self._places.settle(place, work.size):
            work.end(overloaded(self._places.ahead, self._wait))
            return
        self._queue.append(work)
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def cancel(self, work: QueuedRequest) -> None:
        """Forget work whose client is gone. Its place in the queue is free at once."""
        if work.over:
            return
        work.over = True
        if work in self._queue:
            self._leave(work)

    def _leave(self, work: QueuedRequest) -> None:
        self._queue.remove(work)
        self._places.wait(-work.size)

    def _dispatch(self) -> None:
        self._dispatching = False
        try:
            while self._queue and self._idle:
                if batch := self._take():
                    self._start(batch)
        except Exception as error:
            # Nothing would start what waits now, so it fails here; the queue goes on with new requests.
            log.exception("the queue could not go on")
            self._end_all(error)
        if self._queue or self._running:
            self._watch_deadlines()

    def _end_all(self, error: Exception) -> None:
        lost = (*self._taken, *self._queue)
        self._queue.clear()
        self._places.wait(-self._places.waiting)
        for work in lost:
            work.end(error)

    def _take(self) -> list[QueuedRequest]:
        """Take from the queue's head what goes into one batch, the share of one idle executor.

        Work that cannot be done by its deadline is not computed, and a batch is no larger than the earliest
        deadline in it allows. Whether it can be done is an estimate, which only a run can correct: where
        nothing else waits or runs, the last such work is computed all the same.
        """
        now = time.monotonic()
        bound = max(1, int(min(self._limits.batch_seconds / self._seconds, self._limits.batch_size)))
        share = min(bound, math.ceil(self._places.waiting / self._idle))
        batch = self._taken = []
        doubtful: QueuedRequest | None = None
        taken = 0
        earliest = math.inf
        queue = self._queue
        while queue:
            work = queue[0]
            if now + work.size * self._seconds >= work.deadline:
                self._leave(work)
                if now < work.deadline and not self._running:
                    doubtful, work = work, doubtful
                if work is not None:
                    work.end(DeadlineExceeded())
                continue
            taken_then, earliest_then = taken + work.size, min(earliest, work.deadline)
            if batch and (
                taken_then > share
                or work.key != batch[0].key
                or now + taken_then * self._seconds >= earliest_then
            ):
                break
            queue.popleft()
            batch.append(work)
            taken, earliest = taken_then, earliest_then
        self._places.wait(-taken)
        if doubtful is not None:
            if batch:
                doubtful.end(DeadlineExceeded())
            else:
                batch.append(doubtful)
        for work in batch:
            if work.counted:
                self._observer.waited(now - work.queued_at)
        return batch

    def _start(self, batch: list[QueuedRequest]) -> None:
        number = next(self._numbers)
        began = time.monotonic()
        self._running[number] = began, batch
        self._idle -= 1
        samples = sum(work.size for work in batch)
        self._computing += samples
        if any(work.counted for work in batch):
            self._observer.batched(samples)
        if self._executor is None:
            results = self._results(batch)
            self._finish(number, (time.monotonic() - began) / samples)
            tell(batch, results)
            return
        loop = asyncio.get_running_loop()

        def work() -> None:
            results = self._results(batch)
            seconds = (time.monotonic() - began) / samples
            loop.call_soon_threadsafe(self._finish_and_go_on, number, results, seconds)

        try:
            self._executor.submit(work)
        except RuntimeError as error:
            # There is no thread to be had: https://docs.python.org/3/library/threading.html#threading.Thread.start
            self._finish(number, self._seconds)
            tell(batch, [(error, 0)] * len(batch))

    def _results(self, batch: list[QueuedRequest]) -> Results:
        """Compute a batch, or each of its requests alone where the batch fails."""
        try:
            answers = self._run(joined(batch))
        except BaseException as error:  # noqa: BLE001 - whatever a runtime raises is its request's answer
            if not isinstance(error, Exception):
                error = RuntimeError(repr(error))
            if len(batch) == 1:
                return [(error, 0)]
            return [result for work in batch for result in self._results([work])]
        firsts = itertools.accumulate((work.size for work in batch), initial=0)
        return [(answers, first) for _, first in zip(batch, firsts, strict=False)]

    def _finish(self, number: int, seconds: float) -> list[QueuedRequest]:
        _, batch = self._running.pop(number)
        self._idle += 1
        self._computing -= sum(work.size for work in batch)
        self._seconds = max(self._seconds + SMOOTHING * (seconds - self._seconds), LEAST_SECONDS)
        self.finished += 1
        return batch

    def _finish_and_go_on(self, number: int, results: Results, seconds: float) -> None:
        batch = self._finish(number, seconds)
        # Start the next batch first, so that it is computed while these responses are written.
        self._dispatch()
        tell(batch, results)

    def _watch_deadlines(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = time.monotonic()
        for work in [work for work in self._queue if work.deadline <= now]:
            self._leave(work)
            work.end(DeadlineExceeded())
        for _, batch in self._running.values():
            for work in batch:
                if work.deadline <= now:
                    work.end(DeadlineExceeded())
        if self._queue or self._running:
            self._watch_deadlines()
