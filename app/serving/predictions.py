"""Turns output tensors into predictions: labels with scores, or nested lists for a model without labels."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.signature import Signature
from app.tensors import Arrays, is_finite

TOP_LABELS = 5
"""How many labels a prediction lists."""

MAX_SORTED_CLASSES = 64
"""Up to how many classes it is faster to sort all scores than to look for the best first."""

Prediction = dict[str, Any] | list[Any] | float
"""The answer to one sample, ready for JSON."""


class BatchOutputs:
    """The outputs that the model computed for a batch.

    Each form that a request can ask for is made once for the whole batch, when the first request needs it.
    """

    def __init__(self, outputs: Arrays, signature: Signature, top: int = TOP_LABELS) -> None:
        """Keep the outputs of a batch.

        Args:
            outputs: the output tensors by name, each of shape [batch, ...].
            signature: the signature of the model.
            top: maximum number of labels that a prediction lists.

        """
        self._outputs = outputs
        self._top = top
        self._signature = signature

    @property
    def value_count(self) -> int:
        """How many values the outputs of the whole batch have."""
        return sum(array.size for array in self._outputs.values())

    @property
    def nbytes(self) -> int:
        """How many bytes the outputs of the whole batch take."""
        return sum(array.nbytes for array in self._outputs.values())

    def arrays(self, first: int, size: int) -> Arrays:
        """Return the output tensors of `size` samples, starting at the sample `first`."""
        return {name: array[first : first + size] for name, array in self._outputs.items()}

    def predictions(self, first: int, size: int) -> list[Prediction]:
        """Return the predictions for `size` samples, starting at the sample `first`.

        Returns:
            With labels: `{"label", "score", "top": [{"label", "score"}, …]}`, the best label first. Without
            labels: the output as nested lists, or an object of them by output name if there are several.

        Raises:
            InvalidInput: a number of the prediction is not finite, and JSON has no such numbers.

        """
        if self._signature.labels is None:
            self.check_finite(self._outputs, first, size)
        else:
            self._check_scores(first, size)
        return self._predictions[first : first + size]

    def check_finite(self, names: Iterable[str], first: int, size: int) -> None:
        """Check that outputs are finite for `size` samples, starting at the sample `first`.

        Raises:
            InvalidInput: they are not. The message names the output and the sample.

        """
        for name in names:
            if name in self._finite_samples:
                self._check(name, self._finite_samples[name], first, size)

    def _check_scores(self, first: int, size: int) -> None:
        if self._has_finite_scores is not None:
            self._check(self._signature.outputs[0].name, self._has_finite_scores, first, size)

    def _check(self, name: str, finite: NDArray[np.bool_], first: int, size: int) -> None:
        if not finite[first : first + size].all():
            raise InvalidInput(
                f"the model's {name!r} for sample {int(np.argmin(finite[first : first + size]))} is not "
                "finite: the sample has values that the model cannot compute with",
            )

    @cached_property
    def _finite_samples(self) -> dict[str, NDArray[np.bool_]]:
        """For each output with infinities or NaN: which samples have none, of shape [batch]."""
        return {
            name: np.asarray(np.isfinite(array).reshape(len(array), -1).all(axis=1))
            for name, array in self._outputs.items()
            if array.dtype.kind == "f" and not is_finite(array)
        }

    @cached_property
    def _scores(self) -> NDArray[Any]:
        """The scores of all classes, of shape [batch, classes]."""
        output = self._outputs[self._signature.outputs[0].name]
        # Infinities must not become a warning: they may belong to another request of the batch.
        with np.errstate(all="ignore"):
            return _softmax(output) if self._signature.activation == "softmax" else output

    @cached_property
    def _best(self) -> NDArray[np.intp]:
        """The classes with the highest scores, the best first, of shape [batch, top or fewer]."""
        scores = self._scores
        if scores.shape[-1] <= MAX_SORTED_CLASSES:
            return np.argsort(-scores, kind="stable")[:, : self._top]
        # Only the best few of perhaps a thousand classes are sorted. They are first put into the order of the
        # classes, so that the stable sort keeps that order for equal scores.
        top = min(self._top, scores.shape[-1])
        rows = np.arange(len(scores))[:, np.newaxis]
        candidates = np.argpartition(-scores, top - 1)[:, :top]
        candidates.sort()
        return candidates[rows, np.argsort(-scores[rows, candidates], kind="stable")]

    @cached_property
    def _best_scores(self) -> NDArray[Any]:
        return self._scores[np.arange(len(self._scores))[:, np.newaxis], self._best]

    @cached_property
    def _has_finite_scores(self) -> NDArray[np.bool_] | None:
        """Which samples have finite best scores and no NaN, which could not be ranked; of shape [batch].

        None if all scores of all samples are finite.
        """
        if is_finite(self._scores):
            return None
        finite = np.isfinite(self._best_scores).all(axis=1)
        return np.asarray(finite & ~np.isnan(self._scores).any(axis=1))

    @cached_property
    def _predictions(self) -> list[Prediction]:
        labels = self._signature.labels
        if labels is not None:
            return _with_labels(self._best.tolist(), self._best_scores.tolist(), labels)
        columns = {name: array.tolist() for name, array in self._outputs.items()}
        if len(columns) == 1:
            return next(iter(columns.values()))
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _with_labels(
    best: list[list[int]], scores: list[list[float]], labels: tuple[str, ...]
) -> list[Prediction]:
    predictions: list[Prediction] = []
    for indices, values in zip(best, scores, strict=True):
        top: list[dict[str, Any]] = [
            {"label": labels[index], "score": value} for index, value in zip(indices, values, strict=True)
        ]
        predictions.append({**top[0], "top": top})
    return predictions


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    # Subtract the largest logit, so that no power overflows. Use at least 32 bits for an accurate sum.
    powers = logits - np.maximum.reduce(logits, axis=-1, keepdims=True)
    if powers.dtype.char not in "fd":
        powers = powers.astype(np.result_type(powers, np.float32))
    np.exp(powers, out=powers)
    powers /= np.add.reduce(powers, axis=-1, keepdims=True)
    return powers
