"""The models that are served, their state from loading to draining, and the threads that they compute on."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.artifact import Artifact
from app.errors import InternalError, InvalidInput, ModelNotFound, RequestError
from app.runtimes import InputRefused
from app.serving.budget import Budget, for_answers, for_requests
from app.serving.decode_pool import DecodePool
from app.serving.metrics import Metrics
from app.serving.received_bytes import ReceivedBytes
from app.serving.repository import Key, Repository, Snapshot
from app.serving.served_model import ServedModel
from app.settings import Settings
from app.signature import ArtifactError, Signature

if TYPE_CHECKING:
    from app.serving.tracing import Tracing

State = Literal["loading", "ready", "draining", "failed"]

log = logging.getLogger(__name__)


class Service:
    """Models with a state, free of any transport. Owns the threads; `close` gives them back."""

    def __init__(self, settings: Settings) -> None:
        """Read the artifacts' signatures and samples; models are loaded later, while probes are answered.

        Raises:
            ArtifactError: there is no artifact, or one contradicts itself.

        """
        self.settings = settings
        self.metrics = Metrics()
        self.received_bytes = ReceivedBytes(settings.max_received_bytes)
        self.on_failure: Callable[[], None] = lambda: None
        """Called on the event loop when a runtime cannot go on. Requests fail from then on."""

        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")
        self.decode_pool = DecodePool(settings.threads)
        """Decodes pictures and long JSON on its own threads, so that they do not queue behind inference."""
        self.encode_pool = ThreadPoolExecutor(1, thread_name_prefix="write")
        """Long answers are encoded and compressed here."""
        self.budget = Budget(for_requests(0))
        """What decoded requests and long answers may take; less where models are loaded."""
        self.computed_budget = Budget(for_answers())
        """What long answers may take until they are encoded."""
        self.unread_budget = Budget(for_answers())
        """What answers may take that their clients have not read."""
        # A thread of its own, so that a model which is loaded later does not delay those that answer.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._draining = False
        self._examined: set[ServedModel] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._repository = Repository.scan(settings.model_path)
        for error in self._repository.errors.values():
            raise error
        self._models: dict[Key, ServedModel] = {
            key: self._served(Artifact.read(path)) for key, path in self._repository.artifacts.items()
        }
        self._defaults = self._repository.defaults(self._models)
        self._refused: dict[Path, Snapshot] = {}
        self.tracing = _tracing(self.signature) if settings.otlp_endpoint else None
        self.on_models_changed: list[Callable[[], None]] = []
        """Called on the event loop when other models are served than before."""

    def _served(self, artifact: Artifact) -> ServedModel:
        return ServedModel(
            artifact, self.settings, self.metrics, self._threads, self._loader, lambda: not self._draining
        )

    @property
    def state(self) -> State:
        """Where in its life the service is."""
        states = {model.state for model in self._models.values()}
        if "failed" in states:
            return "failed"
        if self._draining:
            return "draining"
        return "loading" if "loading" in states else "ready"

    @property
    def draining(self) -> bool:
        """Whether clients should go elsewhere."""
        return self._draining

    @property
    def models(self) -> list[ServedModel]:
        """All that is served."""
        return list(self._models.values())

    @property
    def default_model(self) -> ServedModel:
        """The model of /predict: the only one, or the first by name."""
        name, version = min(self._defaults.items())
        return self._models[name, version]

    @property
    def signature(self) -> Signature:
        """The signature of the model of /predict."""
        return self.default_model.signature

    def model(self, name: str, version: str | None = None) -> ServedModel:
        """Return a model by its name, in its default version or another.

        Raises:
            ModelNotFound: there is no such model; the text names those that there are.

        """
        chosen = version or self._defaults.get(name)
        model = self._models.get((name, chosen)) if chosen else None
        if model is None:
            there = ", ".join("/".join(key) for key in sorted(self._models))
            asked = f"{name[:80]}/{version[:80]}" if version else name[:80]
            raise ModelNotFound(f"no model {asked!r}; there are {there}")
        return model

    @property
    def model_names(self) -> list[str]:
        """The names of the models that are served."""
        return list(self._defaults)

    def versions(self, name: str) -> list[str]:
        """Return the versions of a model that are served."""
        return sorted(version for known, version in self._models if known == name)

    async def load(self) -> None:
        """Load and warm the models.

        Raises:
            ArtifactError: one cannot be served.

        """
        for model in self.models:
            await model.load()
        self._share_memory()
        # Exempt everything allocated so far from garbage collection; it lives as long as the process.
        gc.collect()
        gc.freeze()

    async def reload(self) -> None:
        """Look at the artifact folder again: serve what is new, and no more what is gone.

        A new model takes over when it is warm, and the old one answers what it has accepted. What cannot be
        served changes nothing, and is logged once until it changes.
        """
        known = {path: key for key, path in self._repository.artifacts.items()}
        repository = await asyncio.to_thread(Repository.scan, self.settings.model_path, known)
        for path, error in repository.errors.items():
            self._refuse(path, repository.snapshots[path], error)
        models: dict[Key, ServedModel] = {}
        for key, path in repository.artifacts.items():
            model = self._models.get(key) or await self._loaded(path, repository.snapshots[path])
            if model is not None:
                models[key] = model
        if not models:
            return
        self._repository = repository
        defaults = repository.defaults(models)
        if models.keys() == self._models.keys() and defaults == self._defaults:
            return
        gone = [model for key, model in self._models.items() if key not in models]
        self._models, self._defaults = models, defaults
        for changed in self.on_models_changed:
            changed()
        for model in gone:
            log.info("model served no more", extra={"version": model.signature.version})
            self.keep_task(asyncio.create_task(self._retire(model)))

    async def _retire(self, model: ServedModel) -> None:
        await model.drain()
        # The same version may be back meanwhile, and the series are its own now.
        if (model.signature.name, model.signature.version) not in self._models:
            model.metrics.remove_series()

    async def _loaded(self, path: Path, snapshot: Snapshot) -> ServedModel | None:
        """Return a new model, warm; None where it cannot be served, or is as it was when it could not."""
        if self._refused.get(path) == snapshot:
            return None
        model = None
        try:
            model = self._served(await asyncio.to_thread(Artifact.read, path))
            await model.load()
            self._share_memory()
        except ArtifactError as error:
            if model is not None:
                model.metrics.remove_series()
            self._refuse(path, snapshot, error)
            return None
        return model

    def _share_memory(self) -> None:
        """Give to requests what the models that are loaded leave of the memory."""
        others = max(0, self.settings.threads - 1) * max(model.run_bytes for model in self.models)
        total = for_requests(others)
        self.budget.resize(total + self.budget.reserved)
        log.info("memory budget for bodies set", extra={"bytes_for_bodies": total})

    def _refuse(self, path: Path, snapshot: Snapshot, error: ArtifactError) -> None:
        if self._refused.get(path) != snapshot:
            self._refused[path] = snapshot
            log.error("model not loaded; serving on: %s", error)

    def keep_task(self, task: "asyncio.Task[None]") -> None:
        """Keep a reference to a task until it is done: the event loop holds tasks weakly."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def to_request_error(
        self, error: Exception, model: ServedModel, context: Mapping[str, object]
    ) -> RequestError:
        """Return what a client is told of an error, and examine the model where the model may have caused it.

        Args:
            error: what ended the request.
            model: the model that was asked.
            context: fields of the log's line by which the request is found again.

        """
        if isinstance(error, RequestError):
            return error
        if isinstance(error, InputRefused):
            log.info("input refused by the model", extra=dict(context))
            if not error.certain:
                self.check_after_failure(model)
            return InvalidInput(error.told)
        log.error("request failed", exc_info=error, extra=dict(context))
        self.check_after_failure(model)
        return InternalError()

    def check_after_failure(self, model: ServedModel) -> None:
        """Find out whether a runtime that failed a request can go on; where not, the service has failed."""
        if model not in self._examined:
            self._examined.add(model)
            self.keep_task(asyncio.create_task(self._examine(model)))

    async def _examine(self, model: ServedModel) -> None:
        error = await asyncio.to_thread(model.self_test_error)
        self._examined.discard(model)
        if error is not None:
            self.fail(model, f"it does not answer to its own sample any more: {error}")

    def fail(self, model: ServedModel, why: str) -> None:
        """Turn readiness and liveness off: the process must be replaced."""
        if model.state != "failed":
            model.fail()
            log.critical("the model has failed: %s", why, extra={"model": model.signature.name})
            self.on_failure()

    @property
    def stuck_model(self) -> ServedModel | None:
        """The model that has not come back from a run for longer than it may take. From any thread."""
        limit = time.monotonic() - self.settings.model_timeout_seconds
        return next((model for model in self.models if (model.running_since or limit) < limit), None)

    @property
    def computes_on_the_loop(self) -> bool:
        """Whether a model is being computed on the event loop, which then waits for it. From any thread."""
        return any(model.running_since is not None and model.inline for model in self.models)

    def drain(self) -> None:
        """Turn readiness off; requests are answered on. Takes no lock, so a signal handler may call it."""
        self._draining = True

    def close(self) -> None:
        """Give the threads back."""
        for threads in (self._threads, self.encode_pool, self._loader):
            threads.shutdown(wait=False, cancel_futures=True)
        self.decode_pool.close()
        if self.tracing is not None:
            self.tracing.close()


def _tracing(signature: Signature) -> "Tracing":
    # Imported only where traces are sent: the import takes an eighth of a second and 10 MB.
    from app.serving.tracing import Tracing

    return Tracing(signature.name, signature.version)
