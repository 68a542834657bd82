"""The mean over the tokens of each text: from the last hidden state of a transformer to an embedding."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from app.signature import ArtifactError, Signature
from app.step_descriptions import MeanPoolingStep
from app.tensors import Arrays

LEAST_LENGTH = 1e-12
"""Divides an embedding of zeros, as torch.nn.functional.normalize does."""

LEAST_TOKENS = 1e-9
"""Divides the sum of no tokens, as sentence-transformers does."""


@dataclass(frozen=True, kw_only=True)
class MeanPooling:
    """Mean pooling as sentence-transformers does it.

    https://sbert.net/docs/package_reference/sentence_transformer/models.html#sentence_transformers.models.Pooling
    """

    step: MeanPoolingStep

    @classmethod
    def of(cls, step: MeanPoolingStep, signature: Signature) -> Self:
        """Check that the step fits the tensors.

        Raises:
            ArtifactError: it names no input, or no output with tokens and values.

        """
        outputs = {tensor.name: tensor for tensor in signature.outputs}
        output = outputs.get(step.output)
        if output is None or len(output.shape) != 3 or not output.datatype.startswith("FP"):
            raise ArtifactError(
                f"steps: mean_pooling needs an output {step.output!r} of shape [-1, tokens, values]"
            )
        if step.mask not in {tensor.name for tensor in signature.inputs}:
            raise ArtifactError(f"steps: mean_pooling needs an input {step.mask!r}")
        return cls(step=step)

    def pooled(self, inputs: Arrays, outputs: Arrays) -> Arrays:
        """Return the embeddings, of shape [samples, values], under the name of the output."""
        states, mask = outputs[self.step.output], inputs[self.step.mask]
        weights = mask[:, :, np.newaxis].astype(np.result_type(states, np.float32))
        means = (states * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), LEAST_TOKENS)
        if self.step.normalize:
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), LEAST_LENGTH)
        return {self.step.output: means}
