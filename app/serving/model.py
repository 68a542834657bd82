"""A loaded model, seen to answer as it did at export. Knows nothing of HTTP, JSON or labels."""

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
"""|answer - expected| <= ATOL + RTOL * |expected|. Wider than the export's own gate, for the processor may be
another one, but far from any answer of wrong weights or a wrong input."""


GOOD_ENOUGH = 1.01
"""A larger batch makes each of its requests wait longer: it must be faster a sample by more than this."""

HAND_OVER_SECONDS = 300e-6
"""What a batch costs beside its samples: the way to the model and back, by a thread. Measured while the model
computes, when the caches hold its numbers and nothing of ours; on an idle machine it is half of this."""

MEASURED_SECONDS = 0.3
"""How long the measurement of batches may take in all, the first runs aside."""

TRIED = 2
"""How many sizes in a row may be no better than a smaller one before larger ones are not tried: a runtime
keeps the memory of the largest batch that it has computed."""

MEMORY_SHARE = 4
"""A batch that may take more than a quarter of the process's memory is not tried."""

INLINE_SECONDS = 0.001
"""A full batch that takes less is computed on the event loop: the way to a thread and back takes as long."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Model:
    """Answers batches. Safe to call from several threads."""

    artifact: Artifact
    run: Run
    device: Device

    @classmethod
    def load(cls, artifact: Artifact, runtime: str, batch_size: int, device: Literal[Device, "auto"]) -> Self:
        """Load a model, and see that it answers the artifact's sample, alone and twice in a batch.

        Args:
            artifact: holds the model.
            runtime: the format to run.
            batch_size: most samples that it may be given at once.
            device: what is to compute; `auto` is a GPU that the runtime can use, or else the CPU.

        Raises:
            ArtifactError: it cannot be loaded, not on that device, or does not answer as it did at export.

        """
        try:
            run, chosen = _loaded(artifact, runtime, device)
            model = cls(artifact=artifact, run=run, device=chosen)
            for size in range(1, min(batch_size, 2) + 1):
                model.check(size)
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(f"{artifact.path}: {runtime} cannot serve it: {error}") from error
        return model

    def check(self, size: int = 1) -> None:
        """See that the model still answers to its own sample as it did at export.

        Raises:
            ArtifactError: it does not.
            Exception: whatever the runtime raises.

        """
        answer = self.run(self._samples(size))
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
                # In 64 bits: unsigned numbers wrap around, and booleans cannot be subtracted.
                worst = float(np.abs(array.astype(np.float64) - expected.astype(np.float64)).max())
                raise ArtifactError(
                    f"{self.artifact.path}: a batch of {size} of its own sample gives {name!r} off by "
                    f"{worst:g} from the answer at export; export the model again"
                )

    def pace(self, batch_size: int) -> "BatchProfile":
        """Measure how large a batch is worth it, on this machine and within this process's CPU limit.

        Args:
            batch_size: most samples that it may be given at once. Sizes far beyond those that are worth it
                are not tried, and will not be computed.

        Raises:
            ArtifactError: in a batch that is worth it, the model does not answer as it did at export.

        """
        deadline = time.perf_counter() + MEASURED_SECONDS
        before = memory_used()
        whole: dict[int, float] = {}
        size, worse = 1, 0
        while size <= batch_size and (not whole or time.perf_counter() < deadline) and worse < TRIED:
            if size * (memory_used() - before) > memory() / MEMORY_SHARE:
                break
            self._check_in_a_batch(size)
            samples = self._samples(size)
            # The least of three: all that disturbs a measurement makes it longer.
            seconds = min(_seconds(self.run, samples) for _ in range(3)) + HAND_OVER_SECONDS
            worse = 0 if not whole or seconds / size * GOOD_ENOUGH < min(whole.values()) else worse + 1
            whole[size] = seconds / size
            size = batch_size if size < batch_size < 2 * size else 2 * size
        best = min(whole.values())
        chosen = next(size for size, each in whole.items() if each <= GOOD_ENOUGH * best)
        seconds_a_sample = whole[chosen] - HAND_OVER_SECONDS / chosen
        return BatchProfile(
            batch_size=chosen,
            seconds_a_sample=seconds_a_sample,
            inline=chosen * seconds_a_sample <= INLINE_SECONDS,
            run_bytes=max(0, memory_used() - before),
        )

    def _check_in_a_batch(self, size: int) -> None:
        try:
            self.check(size)
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(
                f"{self.artifact.path}: it cannot compute a batch of {size} of its own sample: {error}"
            ) from error

    def _samples(self, size: int) -> Arrays:
        return {name: np.repeat(array, size, axis=0) for name, array in self.artifact.inputs.items()}


def _loaded(artifact: Artifact, runtime: str, device: Literal[Device, "auto"]) -> tuple[Run, Device]:
    load = partial(runtimes.load, artifact.path, artifact.signature, runtime)
    if device != "cpu":
        try:
            return load("gpu"), "gpu"
        except DeviceError as error:
            if device == "gpu":
                raise ArtifactError(
                    f"SLIPWAY_DEVICE=gpu: {error}; run the image with DEVICE=gpu where there is one, "
                    "or set SLIPWAY_DEVICE to cpu"
                ) from None
            log.info("computing on the CPU: %s", error)
    return load("cpu"), "cpu"


@dataclass(frozen=True, kw_only=True)
class BatchProfile:
    """How fast a model is, and what follows for its batches."""

    batch_size: int
    """The smallest batch whose samples take about as little time each as those of any other."""

    seconds_a_sample: float
    """Within such a batch, on one thread."""

    inline: bool
    """Whether such a batch is better computed on the event loop than on a thread."""

    run_bytes: int
    """What a run takes, as far as it was seen; one of several at the same time takes as much again."""


def _seconds(run: Run, samples: Arrays) -> float:
    start = time.perf_counter()
    run(samples)
    return time.perf_counter() - start
