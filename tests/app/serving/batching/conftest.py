"""A queue before a model that a test can block."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
import pytest

from app.errors import RequestError
from app.serving.batching import Batcher
from app.serving.predictions import BatchOutputs
from app.serving.queued_request import Limits, QueuedRequest
from app.signature import Signature
from app.tensors import Arrays

SIGNATURE = Signature.model_validate(
    {
        "name": "m",
        "version": "1",
        "formats": [],
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, -1]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
        "labels": None,
        "activation": None,
        "image": None,
    }
)
POISON = 666


class Model:
    """Doubles the first value of each sample; fails on POISON; waits at a gate that a test can close."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.gate = Event()
        self.gate.set()

    def __call__(self, inputs: Arrays) -> BatchOutputs:
        first = inputs["x"][:, 0]
        self.batches.append(first.tolist())
        assert self.gate.wait(60)
        if POISON in first:
            raise ValueError("poison")
        return BatchOutputs({"y": first * 2}, SIGNATURE)


class RecordingObserver:
    """Keeps what the queue reports."""

    def __init__(self) -> None:
        self.depths: list[float] = []
        self.waits: list[float] = []
        self.sizes: list[float] = []
        self.set_queue_depth = self.depths.append
        self.observe_wait = self.waits.append
        self.observe_batch_size = self.sizes.append


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.gate.set()


def batcher(model: Model, executor: ThreadPoolExecutor | None = None, **options: Any) -> Batcher:
    limits = {"queue_size": 8, "batch_size": 4, "batch_seconds": 1.0}
    return Batcher(
        model,
        limits=Limits(**{name: options.pop(name, value) for name, value in limits.items()}),  # type: ignore[arg-type]
        seconds_per_sample=options.pop("seconds_per_sample", 1e-4),
        executor=executor,
        executors=options.pop("executors", 1),
        observer=options.pop("observer", RecordingObserver()),
        **options,
    )


class Request:
    """A request with one sample for each value, and its results."""

    def __init__(self, *values: float, width: int = 1, seconds: float = 60) -> None:
        self.values = values
        self.results: list[list[float] | Exception] = []
        inputs = {"x": np.repeat(np.array(values, np.float32)[:, np.newaxis], width, axis=1)}
        self.queued = QueuedRequest(inputs, time.monotonic() + seconds, self._on_result)

    def _on_result(self, result: BatchOutputs | Exception, first: int) -> None:
        self.results.append(
            result if isinstance(result, Exception) else result.arrays(first, len(self.values))["y"].tolist()
        )

    @property
    def result(self) -> list[float] | Exception:
        (result,) = self.results
        return result

    @property
    def error(self) -> type[RequestError]:
        assert isinstance(self.result, RequestError)
        return type(self.result)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run the asynchronous part of a test, for a minute at most."""

    async def run_with_timeout() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(run_with_timeout())


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    while not condition():  # noqa: ASYNC110 - the objects under test set no events
        await asyncio.sleep(0.001)
