"""A loaded model that answers as it did at export. This module knows nothing of HTTP, JSON or labels."""

import logging
import time
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

import numpy as np

from app import runtimes
from app.artifact import Artifact
from app.memory import memory, memory_used
from app.runtimes import Device, DeviceError, Run
from app.signature import ArtifactError
from app.tensors import Arrays

RTOL, ATOL = 1e-2, 1e-3
"""The tolerance of the self-test: |answer - expected| <= ATOL + RTOL * |expected|. It is wider than that of
the export, because the processor may differ, but far narrower than the effect of wrong weights."""

MIN_GAIN = 1.01
"""By what factor a larger batch must be faster per sample to be worth it: it delays each of its requests."""

THREAD_OVERHEAD_SECONDS = 300e-6
"""What a batch costs in addition to its samples: passing it to a thread and back. It was measured while the
model computes, when the processor's caches hold the model's data. On an idle machine it is half of this."""

MAX_PROFILE_SECONDS = 0.3
"""How long measuring the batch sizes may take in total. The first run of each size is not included."""

MAX_WORSE_SIZES = 2
"""Stop the measurement after so many sizes in a row that were no better than a smaller one. A runtime keeps
the memory of the largest batch that it has computed."""

MEMORY_SHARE = 4
"""A batch size is not tried when it may take more than a quarter of the process's memory."""

MAX_INLINE_SECONDS = 0.001
"""A full batch that takes at most this time is computed on the event loop. A thread would add as much."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that computes batches. Safe to call from several threads."""

    artifact: Artifact
    run: Run
    device: Device

    @classmethod
    def load(cls, artifact: Artifact, runtime: str, batch_size: int, device: Literal[Device, "auto"]) -> Self:
        """Load a model, and check that it computes the artifact's sample, alone and twice in one batch.

        Args:
            artifact: the artifact of the model.
            runtime: the runtime that loads it, a key of `RUNTIMES`.
            batch_size: the largest batch that the model may get.
            device: where to compute; `auto` is a GPU if the runtime can use one, otherwise the CPU.

        Raises:
            ArtifactError: the model cannot be loaded on this device, or does not answer as it did at export.

        """
        try:
            run, chosen = _load(artifact, runtime, device)
            model = cls(artifact=artifact, run=run, device=chosen)
            for size in range(1, min(batch_size, 2) + 1):
                model.check(size)
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(f"{artifact.path}: {runtime} cannot serve it: {error}") from error
        return model

    def check(self, size: int = 1) -> None:
        """Check that the model still answers the artifact's sample as it did at export.

        Args:
            size: how many copies of the sample to put into the batch.

        Raises:
            ArtifactError: the answer differs.
            Exception: any error of the runtime.

        """
        answer = self.run(self._copies_of_sample(size))
        for name, expected in self.artifact.outputs.items():
            array = answer[name]
            if array.shape != (size, *expected.shape[1:]) or array.dtype != expected.dtype:
                raise ArtifactError(
                    f"{self.artifact.path}: a batch of {size} gives {name!r} as {array.dtype} "
                    f"{list(array.shape)}; at export it was {expected.dtype} {[size, *expected.shape[1:]]}"
                )
            if expected.dtype.kind == "O":
                if (array != expected).any():
                    raise ArtifactError(f"{self.artifact.path}: {name!r} is not the answer at export")
            elif not np.allclose(array, expected, rtol=RTOL, atol=ATOL):
                # Convert to 64 bits: unsigned numbers would wrap around, and booleans cannot be subtracted.
                worst = float(np.abs(array.astype(np.float64) - expected.astype(np.float64)).max())
                raise ArtifactError(
                    f"{self.artifact.path}: a batch of {size} of its own sample gives {name!r} off by "
                    f"{worst:g} from the answer at export; export the model again"
                )

    def profile_batches(self, batch_size: int) -> "BatchProfile":
        """Measure which batch size is worth it on this machine, within the CPU limit of this process.

        Args:
            batch_size: the largest batch that the model may get. Sizes far beyond those that are worth it
                are not tried, and will not be computed.

        Raises:
            ArtifactError: the model does not answer a batch of this size as it did at export.

        """
        deadline = time.perf_counter() + MAX_PROFILE_SECONDS
        before = memory_used()
        seconds_by_size: dict[int, float] = {}
        """By batch size, the seconds per sample including the overhead of a thread."""
        size, worse_sizes = 1, 0
        while (
            size <= batch_size
            and (not seconds_by_size or time.perf_counter() < deadline)
            and worse_sizes < MAX_WORSE_SIZES
        ):
            if size * (memory_used() - before) > memory() / MEMORY_SHARE:
                break
            self._check_batch(size)
            samples = self._copies_of_sample(size)
            # Take the shortest of three runs: whatever disturbs a measurement makes it longer.
            seconds = min(_seconds(self.run, samples) for _ in range(3)) + THREAD_OVERHEAD_SECONDS
            is_better = not seconds_by_size or seconds / size * MIN_GAIN < min(seconds_by_size.values())
            worse_sizes = 0 if is_better else worse_sizes + 1
            seconds_by_size[size] = seconds / size
            # Double the size, and end with `batch_size` itself.
            size = batch_size if size < batch_size < 2 * size else 2 * size
        best = min(seconds_by_size.values())
        chosen = next(size for size, seconds in seconds_by_size.items() if seconds <= MIN_GAIN * best)
        seconds_per_sample = seconds_by_size[chosen] - THREAD_OVERHEAD_SECONDS / chosen
        return BatchProfile(
            batch_size=chosen,
            seconds_per_sample=seconds_per_sample,
            inline=chosen * seconds_per_sample <= MAX_INLINE_SECONDS,
            run_bytes=max(0, memory_used() - before),
        )

    def _check_batch(self, size: int) -> None:
        try:
            self.check(size)
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(
                f"{self.artifact.path}: it cannot compute a batch of {size} of its own sample: {error}"
            ) from error

    def _copies_of_sample(self, size: int) -> Arrays:
        return {name: np.repeat(array, size, axis=0) for name, array in self.artifact.inputs.items()}


def _load(artifact: Artifact, runtime: str, device: Literal[Device, "auto"]) -> tuple[Run, Device]:
    load = partial(runtimes.load, artifact.path, artifact.signature, runtime)
    if device != "cpu":
        try:
            return load("gpu"), "gpu"
        except DeviceError as error:
            if device == "gpu":
                raise ArtifactError(
                    f"SLIPWAY_DEVICE=gpu: {error}; run an image that was built with DEVICE=gpu on a machine "
                    "with a GPU, or set SLIPWAY_DEVICE to cpu"
                ) from None
            log.info("computing on the CPU: %s", error)
    return load("cpu"), "cpu"


@dataclass(frozen=True, kw_only=True)
class BatchProfile:
    """The measured speed of a model, and the batch size that follows from it."""

    batch_size: int
    """The smallest size whose time per sample is close to the best of all sizes."""

    seconds_per_sample: float
    """The time of a sample in such a batch, on one thread."""

    inline: bool
    """Whether such a batch should be computed on the event loop instead of a thread."""

    run_bytes: int
    """How much memory the runs took. A run on another thread at the same time takes as much again."""


def _seconds(run: Run, samples: Arrays) -> float:
    start = time.perf_counter()
    run(samples)
    return time.perf_counter() - start
