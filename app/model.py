"""A loaded model, seen to answer as it did at export. Knows nothing of HTTP, JSON or labels."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from app import runtimes
from app.artifact import Artifact
from app.runtimes import Run
from app.signature import ArtifactError

RTOL, ATOL = 1e-2, 1e-3
"""|answer - expected| <= ATOL + RTOL * |expected|. Wider than the export's own gate, for the processor may be
another one, but far from any answer of wrong weights or a wrong input."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """Answers batches. Safe to call from several threads."""

    run: Run

    @classmethod
    def load(cls, artifact: Artifact, runtime: str, batch_size: int) -> Self:
        """Load a model, and warm it up on the artifact's sample, alone and in a full batch.

        Raises:
            ArtifactError: it cannot be loaded, or does not answer as it did at export.

        """
        try:
            model = cls(run=runtimes.load(artifact.path, artifact.signature, runtime))
            for size in sorted({1, batch_size}):
                model._warm(artifact, size)
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(f"{artifact.path}: {runtime} cannot serve it: {error}") from error
        return model

    def _warm(self, artifact: Artifact, size: int) -> None:
        answer = self.run({name: np.repeat(array, size, axis=0) for name, array in artifact.inputs.items()})
        for name, expected in artifact.outputs.items():
            array = answer[name]
            if array.shape != (size, *expected.shape[1:]) or array.dtype != expected.dtype:
                raise ArtifactError(
                    f"{artifact.path}: a batch of {size} gives {name!r} as {array.dtype} "
                    f"{list(array.shape)}; at export it was {expected.dtype} {[size, *expected.shape[1:]]}"
                )
            if not np.allclose(array, expected, rtol=RTOL, atol=ATOL):
                # In 64 bits: unsigned numbers wrap around, and booleans cannot be subtracted.
                worst = float(np.abs(array.astype(np.float64) - expected.astype(np.float64)).max())
                raise ArtifactError(
                    f"{artifact.path}: a batch of {size} of its own sample gives {name!r} off by {worst:g} "
                    "from the answer at export; export the model again"
                )
