"""One model as it is served: loaded and warm, with its queue and its metrics."""

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
from app.serving.queued_request import Limits
from app.serving.step_predictions import check_example
from app.settings import Settings
from app.steps import Steps
from app.steps import load as load_steps
from app.tensors import Arrays

State = Literal["loading", "ready", "failed"]

log = logging.getLogger(__name__)


class ServedModel:
    """A model that this process serves, from loading to draining."""

    def __init__(
        self,
        artifact: Artifact,
        settings: Settings,
        metrics: Metrics,
        threads: Executor,
        loader: Executor,
        is_accepting: Callable[[], bool],
    ) -> None:
        """Prepare a model. `load` must be called before it can answer.

        Args:
            artifact: the artifact of the model.
            settings: the settings of the server.
            metrics: the metrics of the server.
            threads: the threads on which models compute.
            loader: the thread on which models are loaded.
            is_accepting: tells whether the server accepts requests, which it does until it drains.

        """
        self.artifact = artifact
        self.signature = artifact.signature
        self.state: State = "loading"
        self.metrics = ModelMetrics(metrics, self.signature, lambda: self.state == "ready" and is_accepting())
        self._settings = settings
        self._threads = threads
        self._loader = loader
        self._model: Model | None = None
        self._batcher: Batcher | None = None
        self._steps: Steps | None = None
        self._run_bytes = 0
        self.inline = False
        """Whether the model is computed on the event loop."""

    @property
    def batcher(self) -> Batcher:
        """The queue of the model. Only for a model that is ready."""
        assert self._batcher is not None, "the model is loading"  # noqa: S101 - a mistake of the caller
        return self._batcher

    @property
    def steps(self) -> Steps:
        """The steps of a model that has some and is ready."""
        assert self._steps is not None, "the model is loading, or has no steps"  # noqa: S101 - a mistake of the caller
        return self._steps

    @property
    def device(self) -> Device | None:
        """The device that computes the model. None while the model is loading."""
        return self._model.device if self._model else None

    @property
    def running_since(self) -> float | None:
        """When the oldest unfinished run began, on the clock of `time.monotonic`. Safe from any thread."""
        return self._batcher.running_since if self._batcher else None

    @property
    def run_bytes(self) -> int:
        """How many bytes another run takes while one is computed."""
        return self._run_bytes

    async def load(self) -> None:
        """Load the model and warm it up.

        Raises:
            ArtifactError: the model cannot be served.

        """
        start = time.perf_counter()
        loop, settings = asyncio.get_running_loop(), self._settings
        # A model that is not batchable computes each request alone, as its client sent it.
        batch_size = settings.batch_size if self.signature.batchable else 1
        load = partial(Model.load, self.artifact, settings.runtime, batch_size, settings.device)
        model = await loop.run_in_executor(self._loader, load)
        profile = await loop.run_in_executor(self._loader, model.profile_batches, batch_size)
        if self.signature.steps is not None:
            self._steps = await loop.run_in_executor(self._loader, self._load_steps, model, profile)
        self._model, self._batcher = model, self._create_batcher(model, profile)
        self._run_bytes, self.inline = profile.run_bytes, profile.inline
        seconds = time.perf_counter() - start
        self.metrics.load_seconds.set(seconds)
        self.metrics.set_device(model.device)
        self.state = "ready"
        log.info(
            "model loaded",
            extra={
                "model": self.signature.name,
                "version": self.signature.version,
                "runtime": settings.runtime,
                "device": model.device,
                "seconds": round(seconds, 3),
                "threads": 0 if profile.inline else settings.threads,
                "batch_size": profile.batch_size,
                "milliseconds_per_sample": round(profile.seconds_per_sample * 1000, 4),
            },
        )

    def _load_steps(self, model: Model, profile: BatchProfile) -> Steps:
        """Load the steps of the model, and check them by the example of the artifact."""
        steps = load_steps(self.artifact.path, self.signature)
        assert steps is not None  # noqa: S101 - the signature has some
        check_example(self.artifact, steps, self._run_of_any_size(model, profile), self._settings.batch_size)
        return steps

    def _run_of_any_size(self, model: Model, profile: BatchProfile) -> Run:
        """Return a function that computes a batch of any size, by `run_in_parts`."""
        # The samples of one request to a model that is not batchable belong together, so do not split them.
        most = profile.batch_size if self.signature.batchable else self._settings.batch_size
        return partial(run_in_parts, model.run, most=most)

    def _create_batcher(self, model: Model, profile: BatchProfile) -> Batcher:
        settings, signature = self._settings, self.signature
        run_of_any_size = self._run_of_any_size(model, profile)

        def run(inputs: Arrays) -> BatchOutputs:
            return BatchOutputs(run_of_any_size(inputs), signature)

        return Batcher(
            run,
            limits=Limits(
                queue_size=settings.queue_size,
                batch_size=profile.batch_size,
                batch_seconds=settings.batch_seconds,
            ),
            seconds_per_sample=profile.seconds_per_sample,
            executor=None if profile.inline else self._threads,
            executors=settings.threads,
            observer=self.metrics,
        )

    def self_test_error(self) -> Exception | None:
        """Compute the artifact's own sample, and return the error if that fails.

        Not for the event loop, because the model may be slow.
        """
        try:
            if self._model:
                self._model.check()
        except Exception as error:  # noqa: BLE001 - any error means that the runtime does not work any more
            return error
        return None

    def fail(self) -> None:
        """Mark the model as failed: its runtime does not work any more."""
        self.state = "failed"

    async def drain(self) -> None:
        """Wait until all requests are answered."""
        while self._batcher and self._batcher.busy:  # noqa: ASYNC110 - an event would cost each request time
            await asyncio.sleep(0.01)


def run_in_parts(run: Run, inputs: Arrays, most: int) -> Arrays:
    """Run a model on a batch of any size, at most `most` samples at a time.

    A request may hold more samples than the best batch size. A larger run would not be faster, and a runtime
    keeps the memory of its largest run.

    Args:
        run: computes a batch.
        inputs: the input tensors by name, each of shape [batch, ...].
        most: the largest number of samples in a run.

    Returns:
        The output tensors by name, each of shape [batch, ...].

    """
    size = len(next(iter(inputs.values())))
    if size <= most:
        return run(inputs)
    parts = [
        run({name: array[first : first + most] for name, array in inputs.items()})
        for first in range(0, size, most)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
