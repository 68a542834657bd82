"""A request in the queue before a model, the limits of that queue, and the functions that handle a batch."""

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
    """Measures what the queue does. The server passes the metrics of the model."""

    def set_queue_depth(self, value: float, /) -> None:
        """Set how many samples wait, including one for each body that is not decoded yet."""

    def observe_wait(self, amount: float, /) -> None:
        """Record for how many seconds a request waited for the model."""

    def observe_batch_size(self, amount: float, /) -> None:
        """Record how many samples the model got in one batch."""


Results = list[tuple[BatchOutputs | Exception, int]]
"""For each request of a batch: the outputs with the index of its first sample, or an error."""

OnResult = Callable[[BatchOutputs | Exception, int], None]
"""Receives the outputs of a batch with the index of the request's first sample, or an error."""


class QueuedRequest:
    """The samples of one request on their way through the model."""

    __slots__ = (
        "deadline",
        "finished",
        "in_metrics",
        "inputs",
        "on_result",
        "queued_at",
        "sample_shapes",
        "size",
    )

    def __init__(
        self, inputs: Arrays, deadline: float, on_result: OnResult, *, in_metrics: bool = True
    ) -> None:
        """Create a request that is not in a queue yet.

        Args:
            inputs: the input tensors by name, each of shape [samples, ...].
            deadline: when the request must have its result, on the clock of `time.monotonic`.
            on_result: is called once on the event loop, unless the request is cancelled before.
            in_metrics: whether the request is counted in the metrics. False for the server's own self-test.

        """
        self.inputs = inputs
        self.size = len(next(iter(inputs.values())))
        """The number of samples."""
        self.deadline = deadline
        self.on_result = on_result
        self.sample_shapes = tuple(array.shape[1:] for array in inputs.values())
        """Only requests with the same shapes can share a batch."""
        self.in_metrics = in_metrics
        self.queued_at = 0.0
        """When it entered the queue, on the clock of `time.monotonic`."""
        self.finished = False
        """Whether it has its result or was cancelled. A result that comes later is dropped."""

    def finish(self, result: BatchOutputs | Exception, first: int = 0) -> None:
        """Pass the result on, unless the request is finished.

        An exception of `on_result` is logged, so that the queue can continue.

        Args:
            result: the outputs of the batch, or the error of this request.
            first: the index of the request's first sample in the batch.

        """
        if self.finished:
            return
        self.finished = True
        try:
            self.on_result(result, first)
        except Exception:
            log.exception("a result could not be passed on")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a queue and of its batches."""

    queue_size: int
    """How many samples may wait."""

    batch_size: int
    """How many samples a batch may have. A single request may have more."""

    batch_seconds: float
    """How long computing a batch should take at most. A single sample may take longer."""


def finish_all(batch: list[QueuedRequest], results: Results) -> None:
    """Pass each request of a batch its result."""
    for request, (result, first) in zip(batch, results, strict=True):
        request.finish(result, first)


def concatenate_inputs(batch: list[QueuedRequest]) -> Arrays:
    """Return the input tensors of a whole batch, by name."""
    if len(batch) == 1:
        return batch[0].inputs
    return {name: np.concatenate([request.inputs[name] for request in batch]) for name in batch[0].inputs}


def overloaded(waiting: int, seconds: float) -> Overloaded:
    """Return the error of a request for which the queue has no room.

    Args:
        waiting: how many samples are in the queue.
        seconds: after how long the queue should have room again.

    """
    return Overloaded(f"{waiting} samples are already waiting for the model", seconds)
