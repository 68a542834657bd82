"""The steps that an export adds to a model: their description, their files, and their example."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import orjson

from model.errors import ExportError
from model.samples import take
from model.signature import Arrays, Signature
from model.source import Run
from model.steps import after
from model.steps.description import (
    BoxesStep,
    HooksStep,
    MeanPoolingStep,
    StepDescriptions,
    ThresholdStep,
    TopKStep,
)
from model.steps.hooks import Hooks

FOLDER, EXAMPLE_FILE = "steps", "example.json"


class Before(Protocol):
    """A step before the model."""

    def tensors(self, request: object) -> Arrays:
        """Return the inputs of the model for the example request.

        Raises:
            ExportError: the request does not fit.

        """
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of one export."""

    description: StepDescriptions
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """The files that an artifact holds for its steps, by their names."""

    before: Before | None = None
    request: object = None
    """The example request; None where the first sample of the model is the example."""

    hooks: Hooks | None = None

    def __post_init__(self) -> None:
        """Add the hashes of the files to the description: they are part of the version."""
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        object.__setattr__(self, "description", replace(self.description, files=digests))

    def samples(self) -> Arrays | None:
        """Return the inputs of the example request; None where no step makes them.

        Raises:
            ExportError: the request does not fit.

        """
        return None if self.before is None else self.before.tensors(self.request)

    def write(self, folder: Path, signature: Signature, eager: Run, samples: Arrays) -> None:
        """Write the folder `steps` of an artifact, with the example and its predictions.

        Args:
            folder: of the artifact.
            signature: of the model.
            eager: the model.
            samples: its real inputs, the first of which is the example where there is no request.

        Raises:
            ExportError: a step fails on the example.

        """
        steps = folder / FOLDER
        steps.mkdir()
        for name, content in self.files.items():
            (steps / name).write_bytes(content)
        (steps / EXAMPLE_FILE).write_bytes(self._example(signature, eager, samples))

    def check_kept(self, folder: Path, signature: Signature, eager: Run, samples: Arrays) -> None:
        """Check that an artifact that exists holds this example.

        Raises:
            ExportError: it holds another one.

        """
        kept = orjson.loads((folder / FOLDER / EXAMPLE_FILE).read_bytes())["request"]
        if kept != orjson.loads(self._example(signature, eager, samples))["request"]:
            raise ExportError(f"{folder} has another example request: delete it and export again")

    def _example(self, signature: Signature, eager: Run, samples: Arrays) -> bytes:
        inputs = self.samples()
        if inputs is None:
            inputs = take(samples, range(1))
        example = {
            "request": self.request,
            "predictions": self._predictions(signature, inputs, eager(inputs)),
        }
        try:
            return orjson.dumps(example, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError as error:
            raise ExportError(f"--hooks: postprocess returned what JSON cannot carry: {error}") from None

    def _predictions(self, signature: Signature, inputs: Arrays, outputs: Arrays) -> object:
        top = after.TOP
        first = signature.outputs[0].name
        for step in self.description.after:
            match step:
                case MeanPoolingStep():
                    _check_pooling(step, inputs, outputs)
                    outputs = after.pooled(step, inputs, outputs)
                case TopKStep():
                    top = step.k
                case HooksStep():
                    assert self.hooks is not None  # noqa: S101 - a step names them
                    return self.hooks.finish(outputs)
                case ThresholdStep():
                    return after.above(step, outputs[first], _labels(signature, "--threshold"))
                case BoxesStep():
                    _check_boxes(step, outputs)
                    return after.boxes(step, outputs, signature.labels)
        if signature.labels is not None:
            return after.ranked(outputs[first], signature.labels, signature.activation, top)
        columns = {name: array.tolist() for name, array in outputs.items()}
        if len(columns) == 1:
            return next(iter(columns.values()))
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _labels(signature: Signature, option: str) -> tuple[str, ...]:
    if signature.labels is None:
        raise ExportError(f"{option} needs --labels FILE: the names of the classes of the first output")
    return signature.labels


def _check_pooling(step: MeanPoolingStep, inputs: Arrays, outputs: Arrays) -> None:
    output = outputs.get(step.output)
    if output is None or output.ndim != 3:
        found = ", ".join(f"{name!r} {list(array.shape)}" for name, array in outputs.items())
        raise ExportError(
            f"--mean-pooling {step.output}: it must name an output of shape [batch, tokens, values]; the "
            f"model has {found}"
        )
    if step.mask not in inputs:
        raise ExportError(f"--mean-pooling needs the input {step.mask!r}, which the model does not take")


def _check_boxes(step: BoxesStep, outputs: Arrays) -> None:
    shapes = {name: list(array.shape) for name, array in outputs.items()}
    boxes, scores = shapes.get(step.boxes, []), shapes.get(step.scores, [])
    axis = 1 if step.scores_layout == "boxes_first" else 2
    if len(boxes) != 3 or boxes[2] != 4 or len(scores) != 3 or scores[axis] != boxes[1]:
        raise ExportError(
            f"--boxes: {step.boxes!r} must have the shape [batch, boxes, 4], and {step.scores!r} "
            f"[batch, boxes, classes] or, with classes_first, [batch, classes, boxes]; the model has {shapes}"
        )


def _plain(value: Any) -> Any:  # noqa: ANN401 - of NumPy, that orjson does not know
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
