"""The threads that read bodies: pictures, long JSON and whatever is compressed.

Each model has a line of its own, and the threads go from one to the next, so that no model's requests hold up
another's. What waits is bounded by the places of the model's queue.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

SWEEP_SECONDS = 0.05
"""How late a deadline may be seen."""

SMOOTHING = 0.1
"""Weight of the newest body in the mean time that reading one takes."""


class DecodeJob:
    """One body to read."""

    __slots__ = ("deadline", "done", "expire", "over", "read")

    def __init__(
        self,
        deadline: float,
        read: Callable[[], Any],
        done: Callable[[Any], None],
        expire: Callable[[], None],
    ) -> None:
        """Take what is to be done.

        Args:
            deadline: on the clock of `time.monotonic`.
            read: reads the body, on a thread.
            done: takes what was read or what went wrong, on the event loop, also where nobody waits any more.
            expire: is called on the event loop when the deadline comes before that.

        """
        self.deadline = deadline
        self.read = read
        self.done = done
        self.expire = expire
        self.over = False
        """Whether nobody waits for it any more."""


class DecodePool:
    """Reads bodies on threads. Lives on the event loop; all calls come from there, but for `oldest`."""

    def __init__(self, threads: int) -> None:
        """Take how many bodies are read at once."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="read")
        self._threads = self._idle = threads
        self._lines: dict[object, deque[DecodeJob]] = {}
        self._running: dict[DecodeJob, float] = {}
        self._seconds: WeakKeyDictionary[object, float] = WeakKeyDictionary()
        self._sweeping = False
        self.finished = 0
        """How many bodies have been read."""

    @property
    def busy(self) -> bool:
        """Whether any body waits or is read."""
        return bool(self._lines or self._running)

    @property
    def oldest(self) -> float | None:
        """When the reading that takes longest began, on the clock of `time.monotonic`. From any thread."""
        return min(tuple(self._running.values()), default=None)

    def seconds_ahead(self, line: object) -> float:
        """Return how long a body that joins a line now waits until it is read; 0 where none is before it."""
        own = len(self._lines.get(line, ()))
        ahead = sum(
            min(len(readings), own + 1) * self._seconds.get(other, 0)
            for other, readings in self._lines.items()
        )
        if not ahead and self._idle:
            return 0
        return ahead / self._threads + self._seconds.get(line, 0)

    def submit(self, line: object, reading: DecodeJob) -> None:
        """Have a body read, after those of its line."""
        self._lines.setdefault(line, deque()).append(reading)
        self._dispatch()

    def cancel(self, line: object, reading: DecodeJob) -> None:
        """Forget a body that nobody waits for any more. It is not read unless that has begun."""
        reading.over = True
        readings = self._lines.get(line, ())
        if reading in readings:
            self._lines[line].remove(reading)
            if not readings:
                del self._lines[line]

    def close(self) -> None:
        """Give the threads back."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _dispatch(self) -> None:
        while self._idle and self._lines:
            line, readings = next(iter(self._lines.items()))
            # The line goes to the end of all lines, or away where it is empty.
            del self._lines[line]
            reading = readings.popleft()
            if readings:
                self._lines[line] = readings
            self._start(line, reading)
        if self._lines or self._running:
            self._watch()

    def _start(self, line: object, reading: DecodeJob) -> None:
        self._idle -= 1
        loop = asyncio.get_running_loop()
        began = self._running[reading] = time.monotonic()

        def work() -> None:
            try:
                result = reading.read()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the request ends with it
                result = error if isinstance(error, Exception) else RuntimeError(repr(error))
            loop.call_soon_threadsafe(self._finish, line, reading, time.monotonic() - began, result)

        try:
            self._executor.submit(work)
        except RuntimeError as error:
            # There is no thread to be had.
            loop.call_soon(self._finish, line, reading, 0, error)

    def _finish(self, line: object, reading: DecodeJob, seconds: float, result: Any) -> None:  # noqa: ANN401
        del self._running[reading]
        self._idle += 1
        self.finished += 1
        before = self._seconds.get(line, seconds)
        self._seconds[line] = before + SMOOTHING * (seconds - before)
        # The next body first: it is read while this one goes its way.
        self._dispatch()
        reading.over = True
        reading.done(result)

    def _watch(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = time.monotonic()
        waiting = [(line, reading) for line, readings in self._lines.items() for reading in readings]
        for line, reading in waiting:
            if reading.deadline <= now:
                self.cancel(line, reading)
                reading.expire()
        for reading in tuple(self._running):
            if reading.deadline <= now and not reading.over:
                reading.over = True
                reading.expire()
        if self._lines or self._running:
            self._watch()
