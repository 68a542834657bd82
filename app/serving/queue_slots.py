"""The slots of a queue bound how many samples may wait. A request counts as soon as its head arrives."""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

RESERVED_SECONDS = 1.0
"""How long a slot stays reserved for a body that has not arrived. After that, other requests may take it, so
that a client which sends slowly, or stops sending, does not block others."""


class QueueSlot:
    """The slot of one request. It counts as one sample until the body of the request is decoded."""

    __slots__ = ("since", "stage")

    def __init__(self, since: float) -> None:
        self.since = since
        """When the head arrived, on the clock of `time.monotonic`."""
        self.stage: Literal["reserved", "undecoded", "released"] = "reserved"
        """Whether the body is expected, or has arrived and is not decoded, or the slot is free again."""


class QueueSlots:
    """Counts and bounds what waits for one model. All methods must be called on the event loop."""

    def __init__(self, size: int, on_change: Callable[[float], None]) -> None:
        """Create slots that are all free.

        Args:
            size: how many samples may wait.
            on_change: receives the number of waiting samples when it changes.

        """
        self._size = size
        self._on_change = on_change
        self._order: deque[QueueSlot] = deque()
        """The slots in the order in which they were reserved."""
        self._reserved = 0
        self.undecoded = 0
        """How many requests have a whole body that is not decoded yet."""
        self.waiting = 0
        """How many samples wait for the model."""

    @property
    def full(self) -> bool:
        """Whether no slot is free for another request."""
        return not self._has_room(1)

    @property
    def samples_ahead(self) -> int:
        """How many samples a new request would have to wait for."""
        return self.undecoded + self.waiting

    def reserve(self) -> QueueSlot:
        """Return a slot for a request whose head has arrived."""
        slot = QueueSlot(time.monotonic())
        self._reserved += 1
        order = self._order
        while order and order[0].stage != "reserved":
            order.popleft()
        order.append(slot)
        return slot

    def confirm(self, slot: QueueSlot) -> bool:
        """Keep the slot of a request whose body has arrived and will be decoded.

        Returns:
            False when the slot was given to another request and no other slot is free.

        """
        if slot.stage == "released" and self.full:
            return False
        self.release(slot)
        slot.stage = "undecoded"
        self.undecoded += 1
        self._report()
        return True

    def replace(self, slot: QueueSlot | None, samples: int) -> bool:
        """Free the slot of a request, and count its samples as waiting.

        Returns:
            False when there is no room for the samples. There is always room when nothing else waits.

        """
        if slot is not None:
            self.release(slot)
        if not self._has_room(samples) and self._reserved + self.undecoded + self.waiting:
            return False
        self.add_waiting(samples)
        return True

    def release(self, slot: QueueSlot) -> None:
        """Free a slot. Does nothing when it is free already."""
        if slot.stage == "reserved":
            self._reserved -= 1
        elif slot.stage == "undecoded":
            self.undecoded -= 1
            self._report()
        slot.stage = "released"

    def add_waiting(self, samples: int) -> None:
        """Add to the number of samples that wait for the model; `samples` may be negative."""
        self.waiting += samples
        self._report()

    def _report(self) -> None:
        self._on_change(self.waiting + self.undecoded)

    def _has_room(self, samples: int) -> bool:
        if self._reserved + self.undecoded + self.waiting + samples <= self._size:
            return True
        self._release_late_slots()
        return self._reserved + self.undecoded + self.waiting + samples <= self._size

    def _release_late_slots(self) -> None:
        limit = time.monotonic() - RESERVED_SECONDS
        while self._order and (self._order[0].stage != "reserved" or self._order[0].since < limit):
            slot = self._order.popleft()
            # When its body has arrived meanwhile, the slot no longer depends on the time of its head.
            if slot.stage == "reserved":
                self.release(slot)
