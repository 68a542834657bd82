"""The model's life in this process, from loading to draining, and the threads that it answers on."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Literal, TypeVar

from app import payload, photograph, predictions
from app.artifact import Artifact
from app.metrics import Metrics
from app.model import Model
from app.predictions import Prediction
from app.problems import Problem
from app.runtimes import InputRefused
from app.settings import Settings
from app.tensors import Arrays

T = TypeVar("T")
State = Literal["loading", "ready", "draining"]

log = logging.getLogger(__name__)


class Service:
    """Predictions with a state, free of any transport. Owns the threads; `close` gives them back."""

    def __init__(self, settings: Settings) -> None:
        """Read the artifact's signature and sample; the model is loaded later, while probes are answered.

        Raises:
            ArtifactError: there is no artifact, or it contradicts itself.

        """
        self.settings = settings
        self.artifact = Artifact.read(settings.model_path)
        self.signature = self.artifact.signature
        self.metrics = Metrics(self.signature, lambda: self.state == "ready")
        self._model: Model | None = None
        self._draining = False
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")

    @property
    def state(self) -> State:
        """Where in its life the model is."""
        if self._draining:
            return "draining"
        return "ready" if self._model else "loading"

    async def load(self) -> None:
        """Load and warm the model.

        Raises:
            ArtifactError: it cannot be served.

        """
        start = time.perf_counter()
        settings = self.settings
        model = await self._in_thread(
            partial(Model.load, self.artifact, settings.runtime, settings.batch_size)
        )
        seconds = time.perf_counter() - start
        self.metrics.load_seconds.set(seconds)
        self._model = model
        log.info(
            "model loaded",
            extra={
                "model": self.signature.name,
                "version": self.signature.version,
                "runtime": settings.runtime,
                "threads": settings.threads,
                "seconds": round(seconds, 3),
            },
        )

    def drain(self) -> None:
        """Turn readiness off; requests are answered on. Takes no lock, so a signal handler may call it."""
        self._draining = True

    def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def predict(self, body: bytes, content_type: str) -> list[Prediction]:
        """Answer one request's body.

        Raises:
            Problem: the body does not fit, or the model is not loaded.

        """
        if self._model is None:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "the model is being loaded", headers={"retry-after": "1"}
            )
        return await self._in_thread(partial(self._predict, self._model, body, content_type))

    def _predict(self, model: Model, body: bytes, content_type: str) -> list[Prediction]:
        inputs = self._decoded(body, content_type)
        self.metrics.batch_size.observe(len(next(iter(inputs.values()))))
        try:
            outputs = model.run(inputs)
        except InputRefused as refused:
            log.info("input refused by the model", extra={"reason": str(refused)})
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "the model cannot take these values, though datatype and shape are right; "
                "an index may lie beyond its table",
            ) from None
        return predictions.describe(outputs, self.signature)

    def _decoded(self, body: bytes, content_type: str) -> Arrays:
        image = self.signature.image
        if content_type in photograph.FORMATS and image is not None:
            return {image.input: photograph.decode(body, content_type, image, self.signature.inputs[0])}
        return payload.decode(body, self.signature, self.settings.batch_size)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
