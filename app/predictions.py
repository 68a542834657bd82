"""Output tensors to predictions: labels with scores where the model has labels, else nested lists."""

from http import HTTPStatus
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.problems import Problem
from app.signature import Signature
from app.tensors import Arrays

TOP = 5
"""How many labels are told of each prediction."""

Prediction = dict[str, Any] | list[Any] | float
"""One sample's answer, ready for JSON."""


def describe(outputs: Arrays, signature: Signature) -> list[Prediction]:
    """Return a prediction for each sample of a batch.

    With labels: `{"label", "score", "top": [{"label", "score"}, …]}`, the best first. Without: the output as
    nested lists, in an object by output name where there are several.

    Raises:
        Problem: 400 where an answer is not a finite number, which JSON cannot carry.

    """
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                f"the model's {name!r} for sample {int(np.argmin(finite))} is not finite: "
                "the sample's values are beyond what it can compute with",
            )
    if signature.labels is not None:
        return _classified(outputs[signature.outputs[0].name], signature.labels, signature.activation)
    columns = {name: array.tolist() for name, array in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _classified(output: NDArray[Any], labels: tuple[str, ...], activation: str | None) -> list[Prediction]:
    scores = _softmax(output) if activation == "softmax" else output
    best = np.argsort(-scores, axis=-1, kind="stable")[:, :TOP]
    answers: list[Prediction] = []
    for row, indices in zip(scores.tolist(), best.tolist(), strict=True):
        top: list[dict[str, Any]] = [{"label": labels[index], "score": row[index]} for index in indices]
        answers.append({**top[0], "top": top})
    return answers


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    # Shifted by the largest, so that no power overflows; in 32 bits at least, for the sum's sake.
    powers = np.exp((logits - logits.max(axis=-1, keepdims=True)).astype(np.result_type(logits, np.float32)))
    return powers / powers.sum(axis=-1, keepdims=True)
