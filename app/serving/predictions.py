"""Output tensors to predictions: labels with scores where the model has labels, else nested lists."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.signature import Signature
from app.tensors import Arrays

TOP = 5
"""How many labels a prediction lists."""

Prediction = dict[str, Any] | list[Any] | float
"""One sample's answer, ready for JSON."""


class BatchOutputs:
    """What the model answered to a batch, in whichever form its requests ask for; made once for all."""

    def __init__(self, outputs: Arrays, signature: Signature, top: int = TOP) -> None:
        self._outputs = outputs
        self._top = top
        self._signature = signature

    @property
    def values(self) -> int:
        """How many values the whole batch's outputs hold."""
        return sum(array.size for array in self._outputs.values())

    @property
    def nbytes(self) -> int:
        """How many bytes these take."""
        return sum(array.nbytes for array in self._outputs.values())

    def arrays(self, first: int, size: int) -> Arrays:
        """Return the output tensors of some of the samples, as the model gave them."""
        return {name: array[first : first + size] for name, array in self._outputs.items()}

    def predictions(self, first: int, size: int) -> list[Prediction]:
        """Return a prediction for each of some of the samples.

        With labels: `{"label", "score", "top": [{"label", "score"}, …]}`, the best first. Without: the output
        as nested lists, in an object by output name where there are several.

        Raises:
            InvalidInput: where a number of the answer is not finite, which JSON cannot carry.

        """
        if self._signature.labels is None:
            self.check_finite(self._outputs, first, size)
        else:
            self._check(self._signature.outputs[0].name, self._told_finite, first, size)
        return self._predictions[first : first + size]

    def check_finite(self, names: Iterable[str], first: int, size: int) -> None:
        """See that JSON can carry some of the outputs for some of the samples.

        Raises:
            InvalidInput: naming the output and the sample.

        """
        for name in names:
            if name in self._not_all_finite:
                self._check(name, self._not_all_finite[name], first, size)

    def _check(self, name: str, finite: NDArray[np.bool_], first: int, size: int) -> None:
        if not finite[first : first + size].all():
            raise InvalidInput(
                f"the model's {name!r} for sample {int(np.argmin(finite[first : first + size]))} is not "
                "finite: the sample's values are beyond what it can compute with",
            )

    @cached_property
    def _not_all_finite(self) -> dict[str, NDArray[np.bool_]]:
        """By output that holds infinities or NaN: which samples are free of them."""
        return {
            name: np.asarray(np.isfinite(array).reshape(len(array), -1).all(axis=1))
            for name, array in self._outputs.items()
            if array.dtype.kind == "f" and not np.isfinite(array).all()
        }

    @cached_property
    def _scores(self) -> NDArray[Any]:
        output = self._outputs[self._signature.outputs[0].name]
        # Another request's infinities must not become a warning of this one.
        with np.errstate(all="ignore"):
            return _softmax(output) if self._signature.activation == "softmax" else output

    @cached_property
    def _best(self) -> NDArray[np.intp]:
        """The classes with the highest scores of each sample, the best first."""
        scores = self._scores
        # Of a thousand classes five are told: only those are sorted. In the order of classes first, so that
        # equal scores stay in it.
        top = min(self._top, scores.shape[-1])
        rows = np.arange(len(scores))[:, np.newaxis]
        some = np.argpartition(-scores, top - 1)[:, :top]
        some.sort()
        return some[rows, np.argsort(-scores[rows, some], kind="stable")]

    @cached_property
    def _best_scores(self) -> NDArray[Any]:
        return self._scores[np.arange(len(self._scores))[:, np.newaxis], self._best]

    @cached_property
    def _told_finite(self) -> NDArray[np.bool_]:
        """Which samples have finite scores that are told, and none that cannot be ranked."""
        told = np.isfinite(self._best_scores).all(axis=1)
        return np.asarray(told & ~np.isnan(self._scores).any(axis=1))

    @cached_property
    def _predictions(self) -> list[Prediction]:
        labels = self._signature.labels
        if labels is not None:
            return _told(self._best.tolist(), self._best_scores.tolist(), labels)
        columns = {name: array.tolist() for name, array in self._outputs.items()}
        if len(columns) == 1:
            return next(iter(columns.values()))
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _told(best: list[list[int]], scores: list[list[float]], labels: tuple[str, ...]) -> list[Prediction]:
    answers: list[Prediction] = []
    for indices, values in zip(best, scores, strict=True):
        told: list[dict[str, Any]] = [
            {"label": labels[index], "score": value} for index, value in zip(indices, values, strict=True)
        ]
        answers.append({**told[0], "top": told})
    return answers


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    # Shifted by the largest, so that no power overflows; in 32 bits at least, for the sum's sake.
    powers = np.exp((logits - logits.max(axis=-1, keepdims=True)).astype(np.result_type(logits, np.float32)))
    return powers / powers.sum(axis=-1, keepdims=True)
