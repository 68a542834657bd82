"""The memory that decoded requests may take together, that computed answers may, and that unread ones may."""

import contextlib
import threading
import time
from collections.abc import Callable

from app.errors import Overloaded
from app.memory import memory, memory_used
from app.settings import RECEIVED_SHARE

LOOK_SECONDS = 0.05
"""How often a thread that waits for memory looks whether its request is still wanted."""

ANSWERS_SHARE = 32
"""Which part of the memory computed answers may take, and which part those that clients have not read."""

SLACK = 40 * 2**20
"""Bytes that no request is given: for connections, and for what the allocator cannot give back at once."""

LEAST = 16 * 2**20
"""Bytes that requests have in any case, for a server that takes none is of no use."""


def for_requests(runs: int) -> int:
    """Return how many bytes are left for requests, beside their bodies and what the process takes now.

    Args:
        runs: bytes that the models will take when they compute on all threads.

    """
    left = memory() - memory_used() - runs - memory() // RECEIVED_SHARE - 2 * for_answers() - SLACK
    return max(left, LEAST)


def for_answers() -> int:
    """Return how many bytes computed answers may take, and those that clients have not read as many again."""
    return memory() // ANSWERS_SHARE


class Reservation:
    """Bytes that are held, until they are given back."""

    __slots__ = ("_budget", "bytes")

    def __init__(self, budget: "Budget", size: int) -> None:
        self._budget = budget
        self.bytes = size

    def shrink(self, size: int) -> None:
        """Keep only so many bytes."""
        self._budget.release(self.bytes - size)
        self.bytes = size

    def release(self) -> None:
        """Give all of it back. May be called again."""
        if self.bytes:
            self.shrink(0)

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Budget:
    """Bytes to share out. May be used from any thread."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.reserved = 0
        self._changed = threading.Condition(threading.Lock())
        self._waiting = 0

    def resize(self, total: int) -> None:
        """Set how many bytes there are; what is held stays held."""
        with self._changed:
            self.total = total
            self._changed.notify_all()

    def try_reserve(self, size: int) -> Reservation:
        """Take bytes at once.

        Raises:
            Overloaded: there are not so many now.

        """
        with self._changed:
            if not self._fits(size):
                raise _full()
            self.reserved += size
        return Reservation(self, size)

    def reserve(self, size: int, until: float, wanted: Callable[[], bool]) -> Reservation:
        """Wait for bytes; for threads alone.

        Args:
            size: how many; what is more than all there is waits until nothing else is held.
            until: when to give up, on the clock of `time.monotonic`.
            wanted: whether the request is still waited for.

        Raises:
            Overloaded: there were not so many in time.

        """
        size = min(size, self.total)
        with self._changed:
            self._waiting += 1
            try:
                while not self._fits(size):
                    if time.monotonic() >= until or not wanted():
                        raise _full()
                    self._changed.wait(LOOK_SECONDS)
            finally:
                self._waiting -= 1
            self.reserved += size
        return Reservation(self, size)

    def check_not_exceeded(self) -> None:
        """See that no more is held than there is.

        Raises:
            Overloaded: there is.

        """
        if self.reserved > self.total:
            raise _full()

    def wait_until_not_exceeded(self, until: float) -> None:
        """Wait until no more is held than there is, but no longer than `until`; for threads alone."""
        with contextlib.suppress(Overloaded):
            self.reserve(0, until, lambda: True)

    def reserve_unchecked(self, size: int) -> Reservation:
        """Count bytes that are here already, whatever is held: others wait for them."""
        with self._changed:
            self.reserved += size
        return Reservation(self, size)

    def release(self, size: int) -> None:
        """Take note of bytes that are free again."""
        with self._changed:
            self.reserved -= size
            if self._waiting:
                self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self.reserved + size <= self.total


def _full() -> Overloaded:
    return Overloaded("the requests that are being answered take all the memory there is for them")
