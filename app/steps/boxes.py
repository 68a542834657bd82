"""The boxes that non-maximum suppression keeps, for each class by itself."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from app.signature import ArtifactError, Signature
from app.step_descriptions import BoxesStep
from app.tensors import Arrays

Boxes = NDArray[np.floating[Any]]
"""Boxes of shape [boxes, 4]: left, top, right, bottom."""

MOST_CANDIDATES = 4096
"""Boxes of a class that are compared with each other, those with the highest scores: their number bounds the
time, which grows with its square."""


@dataclass(frozen=True, kw_only=True)
class BoxSelection:
    """Selects the boxes of each sample."""

    step: BoxesStep
    labels: tuple[str, ...] | None

    @classmethod
    def of(cls, step: BoxesStep, signature: Signature) -> Self:
        """Check that the step fits the tensors.

        Raises:
            ArtifactError: an output is missing, or has another shape.

        """
        shapes = {tensor.name: tensor.sample_shape for tensor in signature.outputs}
        boxes, scores = shapes.get(step.boxes, ()), shapes.get(step.scores, ())
        if len(boxes) != 2 or boxes[1] != 4:
            raise ArtifactError(f"steps: the output {step.boxes!r} must have the shape [-1, boxes, 4]")
        if len(scores) != 2:
            raise ArtifactError(f"steps: the output {step.scores!r} must have boxes and classes as its axes")
        return cls(step=step, labels=signature.labels)

    def finish(self, outputs: Arrays) -> bytes:
        """Return `[[{"label", "score", "box"}, …], …]` as JSON: the boxes of each sample, the best first.

        The label is the number of the class where the signature has no labels. A box is left, top, right,
        bottom, in the unit of the output.
        """
        boxes, scores = outputs[self.step.boxes], outputs[self.step.scores]
        if self.step.scores_layout == "classes_first":
            scores = scores.transpose(0, 2, 1)
        if self.step.box_format == "cxcywh":
            boxes = corners(boxes)
        samples = [self._selected(*pair) for pair in zip(boxes, scores, strict=True)]
        return orjson.dumps(samples, option=orjson.OPT_SERIALIZE_NUMPY)

    def _selected(self, boxes: Boxes, scores: NDArray[Any]) -> list[dict[str, Any]]:
        found: list[tuple[float, int, int]] = []
        for number in range(scores.shape[1]):
            of_class = scores[:, number]
            candidates = np.flatnonzero(of_class >= self.step.minimum)
            kept = candidates[suppressed(boxes[candidates], of_class[candidates], self.step.overlap)]
            found += [(-float(of_class[index]), number, int(index)) for index in kept]
        return [
            {
                "label": number if self.labels is None else self.labels[number],
                "score": -negative,
                "box": boxes[index].tolist(),
            }
            for negative, number, index in sorted(found)[: self.step.most]
        ]


def corners(boxes: Boxes) -> Boxes:
    """Return boxes of centre, width and height (last axis of length 4) as left, top, right, bottom."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def suppressed(boxes: Boxes, scores: NDArray[Any], overlap: float) -> NDArray[np.intp]:
    """Return the indices of the boxes that are kept, the highest score first.

    A box is left out where it overlaps a kept box with a higher score by more than `overlap`, as
    torchvision.ops.nms does: https://docs.pytorch.org/vision/stable/generated/torchvision.ops.nms.html
    """
    order = np.argsort(-scores, kind="stable")[:MOST_CANDIDATES]
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        start = np.maximum(boxes[best, :2], boxes[rest, :2])
        end = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = np.prod(np.maximum(end - start, 0), axis=1)
        union = areas[best] + areas[rest] - common
        order = rest[common <= overlap * union]
    return np.array(kept, np.intp)
