"""The check for expired deadlines that the queue of a model and the decode pool share."""

import asyncio
import time
from abc import ABC, abstractmethod

SWEEP_SECONDS = 0.05
"""How often deadlines are checked, and so how late an expired one may be noticed."""


class DeadlineSweep(ABC):
    """Checks deadlines again and again while there is anything with a deadline.

    One timer for all deadlines costs less than a timer for each request. This is a base class, because an
    object that held a reference to its owner would form a cycle, and keep an unloaded model in memory.
    """

    def __init__(self) -> None:
        self._sweep_is_scheduled = False

    @abstractmethod
    def _expire(self, now: float) -> bool:
        """End everything whose deadline has passed.

        Args:
            now: the time on the clock of `time.monotonic`.

        Returns:
            Whether anything is left whose deadline must be checked.

        """

    def _schedule_sweep(self) -> None:
        if not self._sweep_is_scheduled:
            self._sweep_is_scheduled = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweep_is_scheduled = False
        if self._expire(time.monotonic()):
            self._schedule_sweep()
