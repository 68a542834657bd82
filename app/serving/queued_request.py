"""What the queue before a model holds, how much of it, and who is told."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.errors import Overloaded
from app.serving.predictions import BatchOutputs
from app.tensors import Arrays

log = logging.getLogger(__name__)


class Observer(Protocol):
    """Is told what the queue does."""

    def queued(self, value: float, /) -> None:
        """Tell how many samples wait, those of bodies that have not been read among them."""

    def waited(self, amount: float, /) -> None:
        """Tell how long a request waited for the model."""

    def batched(self, amount: float, /) -> None:
        """Tell how many samples the model was given at once."""


Results = list[tuple[BatchOutputs | Exception, int]]
Done = Callable[[BatchOutputs | Exception, int], None]
"""Takes a batch's answers with the index of the first that is one's own, or what went wrong."""


class QueuedRequest:
    """A request's samples on their way through the model."""

    __slots__ = ("counted", "deadline", "done", "inputs", "key", "over", "queued_at", "size")

    def __init__(self, inputs: Arrays, deadline: float, done: Done, *, counted: bool = True) -> None:
        self.inputs = inputs
        self.size = len(next(iter(inputs.values())))
        self.deadline = deadline
        """On the clock of `time.monotonic`."""
        self.done = done
        self.key = tuple(array.shape[1:] for array in inputs.values())
        """Samples of other shapes cannot share a batch."""
        self.counted = counted
        """Whether it is a client's, and shows in the metrics."""
        self.queued_at = 0.0
        self.over = False
        """Whether it is answered or cancelled; then a result is dropped."""

    def end(self, result: BatchOutputs | Exception, first: int = 0) -> None:
        """Give the result, unless it is over. Whatever `done` raises is logged: the queue goes on."""
        if self.over:
            return
        self.over = True
        try:
            self.done(result, first)
        except Exception:
            log.exception("an answer could not be given")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much may wait, and how much is computed at once."""

    queue_size: int
    """Most samples that wait."""

    batch_size: int
    """Most samples in a batch."""

    batch_seconds: float
    """How long a batch should take at most. A single sample may take longer."""


def tell(batch: list[QueuedRequest], results: Results) -> None:
    """End each work of a batch with its result."""
    for work, (result, first) in zip(batch, results, strict=True):
        work.end(result, first)


def joined(batch: list[QueuedRequest]) -> Arrays:
    """Return the inputs of a batch as the model takes them."""
    if len(batch) == 1:
        return batch[0].inputs
    return {name: np.concatenate([work.inputs[name] for work in batch]) for name in batch[0].inputs}


def overloaded(ahead: int, wait: float) -> Overloaded:
    """Return the error of a request that finds no room, with the seconds until there should be some."""
    return Overloaded(f"{ahead} samples wait already", wait)
