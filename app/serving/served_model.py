"""One model as it is served: loaded, warm, behind its queue, with its metrics."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Literal

import numpy as np

from app.artifact import Artifact
from app.runtimes import Device, Run
from app.serving.batching import Batcher
from app.serving.metrics import Metrics, ModelMetrics
from app.serving.model import BatchProfile, Model
from app.serving.predictions import BatchOutputs
from app.serving.step_predictions import check_example
from app.serving.work import Limits
from app.settings import Settings
from app.steps import Steps
from app.steps import load as load_steps
from app.tensors import Arrays

State = Literal["loading", "ready", "failed"]

log = logging.getLogger(__name__)


class ServedModel:
    """A model's life in this process. `artifact` is there from the start, the rest once it is loaded."""

    def __init__(
        self,
        artifact: Artifact,
        settings: Settings,
        metrics: Metrics,
        threads: Executor,
        loader: Executor,
        ready: Callable[[], bool],
    ) -> None:
        self.artifact = artifact
        self.signature = artifact.signature
        self.state: State = "loading"
        self.metrics = ModelMetrics(metrics, self.signature, lambda: self.state == "ready" and ready())
        self._settings = settings
        self._threads = threads
        self._loader = loader
        self._model: Model | None = None
        self._batcher: Batcher | None = None
        self._steps: Steps | None = None
        self._run_bytes = 0
        self.inline = False
        """Whether it is computed on the event loop."""

    @property
    def batcher(self) -> Batcher:
        """The queue of a model that is ready."""
        assert self._batcher is not None, "the model is loading"  # noqa: S101 - the caller's mistake
        return self._batcher

    @property
    def steps(self) -> Steps:
        """The steps of a model that has some and is ready."""
        assert self._steps is not None, "the model is loading, or has no steps"  # noqa: S101 - the caller's mistake
        return self._steps

    @property
    def device(self) -> Device | None:
        """What computes; None while the model is loading."""
        return self._model.device if self._model else None

    @property
    def running_since(self) -> float | None:
        """When the run that takes longest began, on the clock of `time.monotonic`. From any thread."""
        return self._batcher.oldest if self._batcher else None

    @property
    def run_bytes(self) -> int:
        """What a run of the model takes of the memory, beside those that it has computed before."""
        return self._run_bytes

    async def load(self) -> None:
        """Load and warm the model.

        Raises:
            ArtifactError: it cannot be served.

        """
        start = time.perf_counter()
        loop, settings = asyncio.get_running_loop(), self._settings
        # The requests of a model that needs its batch are computed one by one.
        batch_size = settings.batch_size if self.signature.batchable else 1
        load = partial(Model.load, self.artifact, settings.runtime, batch_size, settings.device)
        model = await loop.run_in_executor(self._loader, load)
        pace = await loop.run_in_executor(self._loader, model.pace, batch_size)
        if self.signature.steps is not None:
            self._steps = await loop.run_in_executor(self._loader, self._checked_steps, model, pace)
        self._model, self._batcher, self._run_bytes = model, self._queue(model, pace), pace.run_bytes
        self.inline = pace.inline
        seconds = time.perf_counter() - start
        self.metrics.load_seconds.set(seconds)
        self.metrics.device(model.device)
        self.state = "ready"
        log.info(
            "model loaded",
            extra={
                "model": self.signature.name,
                "version": self.signature.version,
                "runtime": settings.runtime,
                "device": model.device,
                "seconds": round(seconds, 3),
                "threads": 0 if pace.inline else settings.threads,
                "batch_size": pace.batch_size,
                "milliseconds_a_sample": round(pace.seconds_a_sample * 1000, 4),
            },
        )

    def _checked_steps(self, model: Model, pace: BatchProfile) -> Steps:
        steps = load_steps(self.artifact.path, self.signature)
        assert steps is not None  # noqa: S101 - the signature has some
        size = pace.batch_size if self.signature.batchable else self._settings.batch_size

        def run(inputs: Arrays) -> Arrays:
            return in_parts(model.run, inputs, size)

        check_example(self.artifact, steps, run, self._settings.batch_size)
        return steps

    def _queue(self, model: Model, pace: BatchProfile) -> Batcher:
        settings, signature = self._settings, self.signature

        def answer(inputs: Arrays) -> BatchOutputs:
            # A model that needs its batch gets the whole batch that its client has sent.
            size = pace.batch_size if signature.batchable else settings.batch_size
            return BatchOutputs(in_parts(model.run, inputs, size), signature)

        return Batcher(
            answer,
            limits=Limits(
                queue_size=settings.queue_size,
                batch_size=pace.batch_size,
                batch_seconds=settings.batch_seconds,
            ),
            seconds_a_sample=pace.seconds_a_sample,
            executor=None if pace.inline else self._threads,
            executors=settings.threads,
            observer=self.metrics,
        )

    def broken(self) -> Exception | None:
        """Try the artifact's own sample; return what goes wrong. For a thread, for the model may be slow."""
        try:
            if self._model:
                self._model.check()
        except Exception as error:  # noqa: BLE001 - any failure means that the runtime cannot go on
            return error
        return None

    def fail(self) -> None:
        """Say that the runtime cannot go on."""
        self.state = "failed"

    async def drain(self) -> None:
        """Wait until the last request has its answer."""
        while self._batcher and self._batcher.busy:  # noqa: ASYNC110 - an event would cost each request
            await asyncio.sleep(0.01)


def in_parts(run: Run, inputs: Arrays, most: int) -> Arrays:
    """Run a model on a batch of any size, `most` samples at once.

    A request may hold more samples than are worth a batch, and a runtime keeps the memory of its largest run.
    """
    size = len(next(iter(inputs.values())))
    if size <= most:
        return run(inputs)
    parts = [
        run({name: array[first : first + most] for name, array in inputs.items()})
        for first in range(0, size, most)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
