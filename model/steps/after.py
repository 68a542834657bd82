"""The ready-made steps after the model, as the export computes them for the example.

Each is written from its definition and not from the server's code, because the server compares its own answer
with it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.signature import Arrays
from model.steps.description import BoxesStep, MeanPoolingStep, ThresholdStep

TOP = 5
"""How many labels the server lists unless a step says otherwise."""


def pooled(step: MeanPoolingStep, inputs: Arrays, outputs: Arrays) -> Arrays:
    """Return the mean over the tokens of each text, of shape [samples, values]."""
    means = np.stack(
        [
            states[mask.astype(bool)].mean(axis=0)
            for states, mask in zip(outputs[step.output], inputs[step.mask], strict=True)
        ]
    )
    if step.normalize:
        means = means / np.linalg.norm(means, axis=1, keepdims=True)
    return {step.output: means}


def above(step: ThresholdStep, output: NDArray[Any], labels: tuple[str, ...]) -> list[list[dict[str, Any]]]:
    """Return the classes of each sample whose score is high enough, the best first."""
    scores = output.astype(np.float64)
    if step.activation == "sigmoid":
        scores = 1 / (1 + np.exp(-scores))
    rows = [sorted((-score, index) for index, score in enumerate(row)) for row in scores.tolist()]
    return [
        [{"label": labels[index], "score": -negative} for negative, index in row if -negative >= step.minimum]
        for row in rows
    ]


def ranked(output: NDArray[Any], labels: tuple[str, ...], activation: str | None, top: int) -> list[Any]:
    """Return the prediction of each sample: the best label, its score, and the best `top` of them."""
    scores = output.astype(np.float64)
    if activation == "softmax":
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores = powers / powers.sum(axis=-1, keepdims=True)
    found: list[Any] = []
    for row in scores.tolist():
        best = sorted(range(len(row)), key=lambda index: (-row[index], index))[:top]
        told = [{"label": labels[index], "score": row[index]} for index in best]
        found.append({**told[0], "top": told})
    return found


def boxes(step: BoxesStep, outputs: Arrays, labels: tuple[str, ...] | None) -> list[list[dict[str, Any]]]:
    """Return the boxes of each sample that non-maximum suppression keeps, the best first."""
    scores = outputs[step.scores]
    if step.scores_layout == "classes_first":
        scores = scores.transpose(0, 2, 1)
    return [
        _kept(step, *pair, labels) for pair in zip(outputs[step.boxes].astype(float), scores, strict=True)
    ]


def _kept(
    step: BoxesStep, places: NDArray[Any], scores: NDArray[Any], labels: tuple[str, ...] | None
) -> list[dict[str, Any]]:
    corners = [_corners(step, *place) for place in places.tolist()]
    order = sorted((-score, number, index) for (index, number), score in np.ndenumerate(scores))
    kept: list[tuple[float, int, tuple[float, ...]]] = []
    for negative, number, index in order:
        if -negative < step.minimum:
            break
        rivals = [box for _, other, box in kept if other == number]
        if all(_overlap(corners[index], box) <= step.overlap for box in rivals):
            kept.append((-float(negative), number, corners[index]))
    return [
        {"label": number if labels is None else labels[number], "score": score, "box": box}
        for score, number, box in kept[: step.most]
    ]


def _corners(step: BoxesStep, *place: float) -> tuple[float, ...]:
    if step.box_format == "xyxy":
        return place
    x, y, width, height = place
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Return the intersection of two boxes divided by their union."""
    width = max(0.0, min(first[2], second[2]) - max(first[0], second[0]))
    height = max(0.0, min(first[3], second[3]) - max(first[1], second[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    union = sum(areas) - width * height
    return width * height / union if union else 0.0
