"""A queue before a model that tests can hold back."""

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
from app.serving.work import Limits, QueuedRequest
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
    """Doubles each sample's first value; remembers its batches; refuses poison; waits at a gate."""

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


class Silent:
    """Is told, and tells nobody."""

    def __init__(self) -> None:
        self.depths: list[float] = []
        self.waits: list[float] = []
        self.sizes: list[float] = []
        self.queued, self.waited, self.batched = self.depths.append, self.waits.append, self.sizes.append


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
        seconds_a_sample=options.pop("seconds_a_sample", 1e-4),
        executor=executor,
        executors=options.pop("executors", 1),
        observer=options.pop("observer", Silent()),
        **options,
    )


class Request:
    """Samples with values of their own, and what came of them."""

    def __init__(self, *values: float, width: int = 1, seconds: float = 60) -> None:
        self.values = values
        self.results: list[list[float] | Exception] = []
        inputs = {"x": np.repeat(np.array(values, np.float32)[:, np.newaxis], width, axis=1)}
        self.work = QueuedRequest(inputs, time.monotonic() + seconds, self._done)

    def _done(self, result: BatchOutputs | Exception, first: int) -> None:
        self.results.append(
            result if isinstance(result, Exception) else result.arrays(first, len(self.values))["y"].tolist()
        )

    @property
    def result(self) -> list[float] | Exception:
        (only,) = self.results
        return only

    @property
    def error(self) -> type[RequestError]:
        assert isinstance(self.result, RequestError)
        return type(self.result)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(bounded())


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110 - what is waited for knows nothing of events
        await asyncio.sleep(0.001)
