"""The models that are served, their state from loading to draining, and the threads that they share."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.artifact import Artifact
from app.errors import ModelNotFound
from app.serving.api_keys import ApiKeys
from app.serving.budget import Budget, bytes_for_outputs, bytes_for_requests
from app.serving.decode_pool import DecodePool
from app.serving.failures import Failures
from app.serving.metrics import Metrics
from app.serving.received_bytes import ReceivedBytes
from app.serving.repository import Key, Repository, Snapshot
from app.serving.served_model import ServedModel
from app.settings import Settings
from app.signature import ArtifactError, Signature

if TYPE_CHECKING:
    from app.serving.tracing import Tracing

State = Literal["loading", "ready", "draining", "failed", "locked"]
"""`locked`: the server has no API keys, though it needs some."""

log = logging.getLogger(__name__)


class Service:
    """The models of a server and what they share. Knows nothing of HTTP. `close` stops its threads."""

    def __init__(self, settings: Settings) -> None:
        """Read the signatures and samples of all artifacts. `load` loads the models.

        Raises:
            ArtifactError: there is no artifact, or an artifact contradicts itself.

        """
        self.settings = settings
        self.metrics = Metrics()
        self.received_bytes = ReceivedBytes(settings.max_received_bytes)
        self.api_keys = ApiKeys(settings.api_keys_path) if settings.api_keys_path else None
        """The keys of which each request must have one; None if requests need no key."""
        self.on_failure: Callable[[], None] = lambda: None
        """Is called on the event loop when a model has failed. All further requests get an error."""

        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")
        self.decode_pool = DecodePool(settings.threads)
        """Decodes pictures and long JSON on its own threads, so that they do not queue behind inference."""
        self.encode_pool = ThreadPoolExecutor(1, thread_name_prefix="encode")
        """Encodes and compresses long responses."""
        self.budget = Budget(bytes_for_requests(0))
        """The memory for decoded requests and for encoding long responses: what the models leave."""
        self.computed_budget = Budget(bytes_for_outputs())
        """The memory for the outputs of long responses until they are encoded."""
        self.unread_budget = Budget(bytes_for_outputs())
        """The memory for responses that clients have not read."""
        # A separate thread, so that loading a new model does not delay the requests to the others.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._draining = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures = Failures(self.fail, self.keep_task)
        self._repository = Repository.scan(settings.model_path, version=settings.model_version)
        for error in self._repository.errors.values():
            raise error
        self._models: dict[Key, ServedModel] = {
            key: self._create_model(Artifact.read(path)) for key, path in self._repository.artifacts.items()
        }
        self._defaults = self._repository.defaults(self._models)
        self._refused: dict[Path, Snapshot] = {}
        """The files of each folder that could not be loaded."""
        self.tracing = _tracing(self.signature) if settings.otlp_endpoint else None
        self.on_models_changed: list[Callable[[], None]] = []
        """Are called on the event loop after the set of served models has changed."""

    def _create_model(self, artifact: Artifact) -> ServedModel:
        return ServedModel(
            artifact, self.settings, self.metrics, self._threads, self._loader, self._is_accepting
        )

    def _is_accepting(self) -> bool:
        has_keys = self.api_keys is None or not self.api_keys.is_empty
        return has_keys and not self._draining

    @property
    def state(self) -> State:
        """The state of the whole service."""
        states = {model.state for model in self._models.values()}
        if "failed" in states:
            return "failed"
        if self._draining:
            return "draining"
        if "loading" in states:
            return "loading"
        return "ready" if self._is_accepting() else "locked"

    @property
    def draining(self) -> bool:
        """Whether the server is about to end, so that clients should use another one."""
        return self._draining

    @property
    def models(self) -> list[ServedModel]:
        """All models that are served."""
        return list(self._models.values())

    @property
    def default_model(self) -> ServedModel:
        """The model that answers /predict: the only one, or the first by name."""
        name, version = min(self._defaults.items())
        return self._models[name, version]

    @property
    def signature(self) -> Signature:
        """The signature of the model that answers /predict."""
        return self.default_model.signature

    def model(self, name: str, version: str | None = None) -> ServedModel:
        """Return the model with this name, in its default version or the given one.

        Raises:
            ModelNotFound: there is no such model. The message names the models that are served.

        """
        chosen = version or self._defaults.get(name)
        model = self._models.get((name, chosen)) if chosen else None
        if model is None:
            served = ", ".join("/".join(key) for key in sorted(self._models))
            asked = f"{name[:80]}/{version[:80]}" if version else name[:80]
            raise ModelNotFound(f"no model {asked!r}; there are {served}")
        return model

    @property
    def model_names(self) -> list[str]:
        """The names of the models that are served."""
        return list(self._defaults)

    def versions(self, name: str) -> list[str]:
        """Return the versions of a model that are served."""
        return sorted(version for known, version in self._models if known == name)

    async def load(self) -> None:
        """Load all models and warm them up.

        Raises:
            ArtifactError: a model cannot be served.

        """
        for model in self.models:
            await model.load()
        self._resize_budget()
        # Exempt everything allocated so far from garbage collection; it lives as long as the process.
        gc.collect()
        gc.freeze()

    async def reload(self) -> None:
        """Scan the artifact folder again, load new models, and retire those whose folder is gone.

        A new model takes over when it is warm, and the old one answers the requests that it has accepted. A
        folder that cannot be loaded changes nothing; its error is logged once, until its files change.
        """
        known = {path: key for key, path in self._repository.artifacts.items()}
        repository = await asyncio.to_thread(
            Repository.scan, self.settings.model_path, known, self.settings.model_version
        )
        for path, error in repository.errors.items():
            self._refuse(path, repository.snapshots[path], error)
        models: dict[Key, ServedModel] = {}
        for key, path in repository.artifacts.items():
            model = self._models.get(key) or await self._load_artifact(path, repository.snapshots[path])
            if model is not None:
                models[key] = model
        if not models:
            return
        self._repository = repository
        defaults = repository.defaults(models)
        if models.keys() == self._models.keys() and defaults == self._defaults:
            return
        removed = [model for key, model in self._models.items() if key not in models]
        self._models, self._defaults = models, defaults
        for on_changed in self.on_models_changed:
            on_changed()
        for model in removed:
            log.info("model removed", extra={"version": model.signature.version})
            self.keep_task(asyncio.create_task(self._retire(model)))

    async def _retire(self, model: ServedModel) -> None:
        await model.drain()
        # If the same version was loaded again meanwhile, the series belong to the new model.
        if (model.signature.name, model.signature.version) not in self._models:
            model.metrics.remove_series()

    async def _load_artifact(self, path: Path, snapshot: Snapshot) -> ServedModel | None:
        """Load a new model and warm it up.

        Returns:
            None when it cannot be served, or when its files have not changed since it could not be served.

        """
        if self._refused.get(path) == snapshot:
            return None
        model = None
        try:
            model = self._create_model(await asyncio.to_thread(Artifact.read, path))
            await model.load()
            self._resize_budget()
        except ArtifactError as error:
            if model is not None:
                model.metrics.remove_series()
            self._refuse(path, snapshot, error)
            return None
        return model

    def _resize_budget(self) -> None:
        """Give requests the memory that the loaded models leave."""
        other_runs = max(0, self.settings.threads - 1) * max(model.run_bytes for model in self.models)
        total = bytes_for_requests(other_runs)
        self.budget.resize(total + self.budget.reserved)
        log.info("memory budget for requests set", extra={"bytes": total})

    def _refuse(self, path: Path, snapshot: Snapshot, error: ArtifactError) -> None:
        if self._refused.get(path) != snapshot:
            self._refused[path] = snapshot
            log.error("model not loaded; the models that are served stay: %s", error)

    def keep_task(self, task: "asyncio.Task[None]") -> None:
        """Keep a reference to a task until it is done, because the event loop keeps only a weak one."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def fail(self, model: ServedModel, why: str) -> None:
        """Mark a model as failed, which turns readiness and liveness off: the process must be replaced."""
        if model.state != "failed":
            model.fail()
            log.critical("the model has failed: %s", why, extra={"model": model.signature.name})
            self.on_failure()

    @property
    def stuck_model(self) -> ServedModel | None:
        """A model with a run that takes longer than allowed. None if there is none. Safe from any thread."""
        limit = time.monotonic() - self.settings.model_timeout_seconds
        return next((model for model in self.models if (model.running_since or limit) < limit), None)

    @property
    def computes_on_event_loop(self) -> bool:
        """Whether a model is being computed on the event loop and so blocks it. Safe from any thread."""
        return any(model.running_since is not None and model.inline for model in self.models)

    def drain(self) -> None:
        """Turn readiness off; requests are still answered. Takes no lock, so a signal handler may call it."""
        self._draining = True

    def close(self) -> None:
        """Stop the threads, without waiting for what they are computing."""
        for threads in (self._threads, self.encode_pool, self._loader):
            threads.shutdown(wait=False, cancel_futures=True)
        self.decode_pool.close()
        if self.tracing is not None:
            self.tracing.close()


def _tracing(signature: Signature) -> "Tracing":
    # Import it only if traces are sent: the import takes an eighth of a second and 10 MB.
    from app.serving.tracing import Tracing

    return Tracing(signature.name, signature.version)
