"""Bounds the memory of decoded requests, of computed outputs, and of responses that clients have not read."""

import contextlib
import threading
import time
from collections.abc import Callable

from app.errors import Overloaded
from app.memory import memory, memory_used
from app.settings import RECEIVED_SHARE

POLL_SECONDS = 0.05
"""How often a thread that waits for memory checks whether its request is still wanted."""

ANSWERS_SHARE = 32
"""Computed outputs may take a 32nd of the memory, and responses that clients have not read another 32nd."""

SLACK = 40 * 2**20
"""Bytes that no request gets: for connections, and for what the allocator does not return at once."""

MIN_REQUEST_BYTES = 16 * 2**20
"""The least memory for requests. A server with less would refuse every request."""


def bytes_for_requests(run_bytes: int) -> int:
    """Return how many bytes are left for decoded requests.

    Their bodies, the outputs and what the process takes now are already subtracted.

    Args:
        run_bytes: how many bytes the models will take when they compute on all threads.

    """
    others = memory() // RECEIVED_SHARE + 2 * bytes_for_outputs() + SLACK
    return max(memory() - memory_used() - run_bytes - others, MIN_REQUEST_BYTES)


def bytes_for_outputs() -> int:
    """Return how many bytes computed outputs may take. Responses that are not read may take as many again."""
    return memory() // ANSWERS_SHARE


class Reservation:
    """Bytes that are reserved until they are released. As a context manager, it releases them at the end."""

    __slots__ = ("_budget", "bytes")

    def __init__(self, budget: "Budget", size: int) -> None:
        self._budget = budget
        self.bytes = size

    def shrink(self, size: int) -> None:
        """Release all but `size` bytes."""
        self._budget.release(self.bytes - size)
        self.bytes = size

    def release(self) -> None:
        """Release all bytes. It is safe to call this again."""
        if self.bytes:
            self.shrink(0)

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Budget:
    """A number of bytes from which parts are reserved. All methods are safe from any thread."""

    def __init__(self, total: int) -> None:
        """Create a budget of `total` bytes, all free."""
        self.total = total
        self.reserved = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0

    def resize(self, total: int) -> None:
        """Set the total number of bytes. Existing reservations stay."""
        with self._changed:
            self.total = total
            self._changed.notify_all()

    def try_reserve(self, size: int) -> Reservation:
        """Reserve bytes without waiting.

        Raises:
            Overloaded: fewer bytes are free.

        """
        with self._lock:
            if not self._fits(size):
                raise _full()
            self.reserved += size
        return Reservation(self, size)

    def reserve(self, size: int, until: float, wanted: Callable[[], bool]) -> Reservation:
        """Wait until bytes are free, and reserve them. Not for the event loop, because it blocks.

        Args:
            size: the number of bytes. More than the total waits until nothing else is reserved.
            until: when to stop waiting, on the clock of `time.monotonic`.
            wanted: tells whether the request still needs the memory.

        Raises:
            Overloaded: the bytes were not free in time.

        """
        size = min(size, self.total)
        with self._changed:
            self._waiting += 1
            try:
                while not self._fits(size):
                    if time.monotonic() >= until or not wanted():
                        raise _full()
                    self._changed.wait(POLL_SECONDS)
            finally:
                self._waiting -= 1
            self.reserved += size
        return Reservation(self, size)

    def check_not_exceeded(self) -> None:
        """Check that no more than the total is reserved.

        Raises:
            Overloaded: more is reserved.

        """
        if self.reserved > self.total:
            raise _full()

    def wait_until_not_exceeded(self, until: float) -> None:
        """Wait until no more than the total is reserved. Not for the event loop, because it blocks.

        Args:
            until: when to stop waiting, on the clock of `time.monotonic`.

        """
        with contextlib.suppress(Overloaded):
            self.reserve(0, until, lambda: True)

    def reserve_unchecked(self, size: int) -> Reservation:
        """Reserve bytes that are allocated already, even beyond the total. Others then wait for them."""
        with self._lock:
            self.reserved += size
        return Reservation(self, size)

    def release(self, size: int) -> None:
        """Give bytes of a reservation back."""
        with self._lock:
            self.reserved -= size
            if self._waiting:
                self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return self.reserved + size <= self.total


def _full() -> Overloaded:
    return Overloaded("the requests that are being answered take all the memory that there is for them")
