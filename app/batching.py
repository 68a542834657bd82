"""Requests to batches: whoever waits when the model is free is answered together.

No timer holds a request back for company. On the event loop a batch is what arrived in the same turn of the
loop; on threads it is what gathered while all of them computed. A lone request never waits.
"""

import asyncio
import itertools
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import numpy as np

from app.predictions import Answers
from app.problems import OVERLOADED, Problem
from app.tensors import Arrays

SWEEP_SECONDS = 0.05
"""How late the end of a deadline may be seen while the model is busy."""

SMOOTHING = 0.1
"""Weight of the newest run in the mean time that a sample takes."""


class Observer(Protocol):
    """Is told what the queue does."""

    def queued(self, value: float, /) -> None:
        """Tell how many samples wait."""

    def waited(self, amount: float, /) -> None:
        """Tell how long a request waited for the model."""

    def batched(self, amount: float, /) -> None:
        """Tell how many samples the model was given at once."""


Results = list[tuple[Answers | Exception, int]]
Done = Callable[[Answers | Exception, int], None]
"""Takes a batch's answers with the index of the first that is one's own, or what went wrong."""


class Work:
    """A request's samples on their way through the model."""

    __slots__ = ("deadline", "done", "inputs", "key", "over", "queued_at", "size")

    def __init__(self, inputs: Arrays, deadline: float, done: Done) -> None:
        self.inputs = inputs
        self.size = len(next(iter(inputs.values())))
        self.deadline = deadline
        """On the clock of `time.monotonic`."""
        self.done = done
        self.key = tuple(array.shape[1:] for array in inputs.values())
        """Samples of other shapes cannot share a batch."""
        self.queued_at = 0.0
        self.over = False
        """Answered or cancelled: what comes of it interests nobody."""

    def end(self, result: Answers | Exception, first: int = 0) -> None:
        """Give the result, unless it is over."""
        if not self.over:
            self.over = True
            self.done(result, first)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much may wait, and how much is computed at once."""

    queue_size: int
    """Most samples that wait."""

    batch_size: int
    """Most samples in a batch."""

    batch_seconds: float
    """How long a batch should take at most. A single sample may take longer."""


class Batcher:
    """A bounded queue before a model. Lives on one event loop; all calls come from there."""

    def __init__(
        self,
        run: Callable[[Arrays], Answers],
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
        self._seconds = seconds_a_sample
        self._executor = executor
        self._executors = executors if executor else 1
        self._idle = self._executors
        self._observer = observer
        self._queue: deque[Work] = deque()
        self._waiting = 0
        self._computing = 0
        self._running: dict[int, tuple[float, list[Work]]] = {}
        self._numbers = itertools.count()
        self._dispatching = False
        self._sweeping = False

    @property
    def busy(self) -> bool:
        """Whether anything waits or is computed."""
        return bool(self._waiting or self._running)

    @property
    def oldest(self) -> float | None:
        """When the run that takes longest began, on the clock of `time.monotonic`. From any thread."""
        return min((began for began, _ in tuple(self._running.values())), default=None)

    def admit(self, seconds: float) -> None:
        """Refuse a request that would not be answered in time.

        Raises:
            Problem: 503, with the seconds after which there should be room.

        """
        ahead = self._waiting + self._computing
        wait = ahead * self._seconds / self._executors
        # With nothing ahead the model is asked however long it took before: it may be faster now.
        if self._waiting >= self._limits.queue_size or (ahead and wait + self._seconds > seconds):
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self._waiting} samples wait already",
                headers={"retry-after": str(max(1, math.ceil(wait)))},
                reason=OVERLOADED,
            )

    def submit(self, work: Work) -> None:
        """Put work into the queue. It has been admitted."""
        work.queued_at = time.monotonic()
        self._queue.append(work)
        self._wait(work.size)
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def cancel(self, work: Work) -> None:
        """Forget work whose client is gone. Its place in the queue is free at once."""
        if work.over:
            return
        work.over = True
        if work in self._queue:
            self._queue.remove(work)
            self._wait(-work.size)

    def _wait(self, samples: int) -> None:
        self._waiting += samples
        self._observer.queued(self._waiting)

    def _dispatch(self) -> None:
        self._dispatching = False
        while self._queue and self._idle:
            if batch := self._take():
                self._start(batch)
        if self._queue or self._running:
            self._watch_deadlines()

    def _take(self) -> list[Work]:
        """Take from the queue's head what goes into one batch, the share of one idle executor.

        No work is taken that cannot be done by its deadline, and a batch is no larger than the earliest
        deadline in it allows: what is computed in vain is lost to all.
        """
        now = time.monotonic()
        bound = max(1, int(self._limits.batch_seconds / self._seconds))
        share = min(self._limits.batch_size, bound, math.ceil(self._waiting / self._idle))
        batch: list[Work] = []
        taken = 0
        earliest = math.inf
        queue = self._queue
        while queue:
            work = queue[0]
            if now + work.size * self._seconds >= work.deadline:
                queue.popleft()
                self._wait(-work.size)
                work.end(_late())
                # An estimate that refuses work may be wrong, and would never be put right.
                self._seconds *= 1 - SMOOTHING
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
            self._observer.waited(now - work.queued_at)
        self._wait(-taken)
        return batch

    def _start(self, batch: list[Work]) -> None:
        number = next(self._numbers)
        began = time.monotonic()
        self._running[number] = began, batch
        self._idle -= 1
        samples = sum(work.size for work in batch)
        self._computing += samples
        self._observer.batched(samples)
        if self._executor is None:
            results = self._results(batch)
            self._finish(number, (time.monotonic() - began) / samples)
            _tell(batch, results)
            return
        loop = asyncio.get_running_loop()

        def work() -> None:
            results = self._results(batch)
            seconds = (time.monotonic() - began) / samples
            loop.call_soon_threadsafe(self._finish_and_go_on, number, results, seconds)

        self._executor.submit(work)

    def _results(self, batch: list[Work]) -> Results:
        """Compute a batch; where that fails, each request alone, so that a fault is one's own failure."""
        try:
            answers = self._run(_joined(batch))
        except Exception as error:  # noqa: BLE001 - whatever a runtime raises is its request's answer
            if len(batch) == 1:
                return [(error, 0)]
            return [result for work in batch for result in self._results([work])]
        firsts = itertools.accumulate((work.size for work in batch), initial=0)
        return [(answers, first) for _, first in zip(batch, firsts, strict=False)]

    def _finish(self, number: int, seconds: float) -> list[Work]:
        _, batch = self._running.pop(number)
        self._idle += 1
        self._computing -= sum(work.size for work in batch)
        self._seconds += SMOOTHING * (seconds - self._seconds)
        return batch

    def _finish_and_go_on(self, number: int, results: Results, seconds: float) -> None:
        batch = self._finish(number, seconds)
        # The next batch first: it is computed while these answers are written.
        self._dispatch()
        _tell(batch, results)

    def _watch_deadlines(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = time.monotonic()
        for work in [work for work in self._queue if work.deadline <= now]:
            self._queue.remove(work)
            self._wait(-work.size)
            work.end(_late())
        for _, batch in self._running.values():
            for work in batch:
                if work.deadline <= now:
                    work.end(_late())
        if self._queue or self._running:
            self._watch_deadlines()


def _tell(batch: list[Work], results: Results) -> None:
    for work, (result, first) in zip(batch, results, strict=True):
        work.end(result, first)


def _joined(batch: list[Work]) -> Arrays:
    if len(batch) == 1:
        return batch[0].inputs
    return {name: np.concatenate([work.inputs[name] for work in batch]) for name in batch[0].inputs}


def _late() -> Problem:
    return Problem(HTTPStatus.GATEWAY_TIMEOUT, "the model had no time for it before the request's deadline")
