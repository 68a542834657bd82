"""All classes whose score is high enough, for a model whose classes do not exclude each other."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from app.signature import ArtifactError, Signature
from app.step_descriptions import ThresholdStep
from app.tensors import Arrays


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Finds the classes of each sample."""

    step: ThresholdStep
    output: str
    labels: tuple[str, ...]

    @classmethod
    def of(cls, step: ThresholdStep, signature: Signature) -> Self:
        """Take the labels of a signature.

        Raises:
            ArtifactError: it has none.

        """
        if signature.labels is None:
            raise ArtifactError("steps: threshold needs labels")
        return cls(step=step, output=signature.outputs[0].name, labels=signature.labels)

    def finish(self, outputs: Arrays) -> bytes:
        """Return `[[{"label", "score"}, …], …]` as JSON: the classes of each sample, the best first."""
        scores = self._scores(outputs[self.output])
        found: list[list[dict[str, Any]]] = []
        for row in scores:
            kept = np.flatnonzero(row >= self.step.minimum)
            best = kept[np.argsort(-row[kept], kind="stable")]
            found.append([{"label": self.labels[index], "score": float(row[index])} for index in best])
        return orjson.dumps(found)

    def _scores(self, output: NDArray[Any]) -> NDArray[Any]:
        if self.step.activation is None:
            return output
        # In the form that does not overflow for large negative numbers.
        return 0.5 * (1 + np.tanh(0.5 * output.astype(np.result_type(output, np.float32))))
