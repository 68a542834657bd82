"""Places before a model: how many samples wait, from the heads of their requests on."""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

RESERVED_SECONDS = 1.0
"""How long a place is kept for a body that is on its way. After that others may take it, so that a client
which sends slowly, or nothing more, keeps nobody out."""


class QueueSlot:
    """What a request holds of the queue. It counts as one sample until its body has been read."""

    __slots__ = ("since", "stage")

    def __init__(self, since: float) -> None:
        self.since = since
        """When the head came, on the clock of `time.monotonic`."""
        self.stage: Literal["expected", "unread", "gone"] = "expected"


class QueueSlots:
    """Counts what waits before one model, and bounds it. Lives on the event loop."""

    def __init__(self, size: int, tell: Callable[[float], None]) -> None:
        """Take the most samples that may wait, and what is told how many do."""
        self._size = size
        self._tell = tell
        self._order: deque[QueueSlot] = deque()
        self._expected = 0
        self.unread = 0
        """Requests whose bodies are here and have not been read."""
        self.waiting = 0
        """Samples that wait for the model."""

    @property
    def full(self) -> bool:
        """Whether there is no place for another request."""
        return not self._has_room(1)

    @property
    def ahead(self) -> int:
        """Samples that a request which comes now would have to wait for."""
        return self.unread + self.waiting

    def reserve(self) -> QueueSlot:
        """Keep a place for a request whose head has come."""
        place = QueueSlot(time.monotonic())
        self._expected += 1
        order = self._order
        while order and order[0].stage != "expected":
            order.popleft()
        order.append(place)
        return place

    def keep(self, place: QueueSlot) -> bool:
        """Keep a place for a body that is whole and will be read.

        Returns:
            False where the place was given to others, and there is no other one.

        """
        if place.stage == "gone" and self.full:
            return False
        self.release(place)
        place.stage = "unread"
        self.unread += 1
        self._told()
        return True

    def settle(self, place: QueueSlot | None, samples: int) -> bool:
        """Turn a place into as many samples as the body holds.

        Returns:
            False where so many have no room. A request that finds nothing before it always has.

        """
        if place is not None:
            self.release(place)
        if not self._has_room(samples) and self._expected + self.unread + self.waiting:
            return False
        self.wait(samples)
        return True

    def release(self, place: QueueSlot) -> None:
        """Give a place back, if it is still held."""
        if place.stage == "expected":
            self._expected -= 1
        elif place.stage == "unread":
            self.unread -= 1
            self._told()
        place.stage = "gone"

    def wait(self, samples: int) -> None:
        """Count samples that begin to wait for the model, or, if negative, that wait no more."""
        self.waiting += samples
        self._told()

    def _told(self) -> None:
        self._tell(self.waiting + self.unread)

    def _has_room(self, samples: int) -> bool:
        if self._expected + self.unread + self.waiting + samples <= self._size:
            return True
        self._lapse()
        return self._expected + self.unread + self.waiting + samples <= self._size

    def _lapse(self) -> None:
        limit = time.monotonic() - RESERVED_SECONDS
        while self._order and (self._order[0].stage != "expected" or self._order[0].since < limit):
            place = self._order.popleft()
            # Its body may be whole by now: then it is not the deque's any more.
            if place.stage == "expected":
                self.release(place)
