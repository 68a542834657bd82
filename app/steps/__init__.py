"""The steps before and after the model, loaded from the folder `steps` of an artifact.

They turn the parsed JSON body of /predict into tensors, and the model's outputs into predictions. They know
nothing of queues, batches or HTTP.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.signature import ArtifactError, Signature
from app.step_descriptions import (
    AfterStep,
    BoxesStep,
    HooksStep,
    MeanPoolingStep,
    StepDescriptions,
    TableStep,
    ThresholdStep,
    TokenizerStep,
    TopKStep,
)
from app.step_example import STEPS
from app.steps.before import BeforeStep
from app.steps.boxes import BoxSelection
from app.steps.hooks import POSTPROCESS, PREPROCESS, Hooks
from app.steps.pooling import MeanPooling
from app.steps.table import Table
from app.steps.threshold import Threshold
from app.tensors import Arrays

Transform = Callable[[Arrays, Arrays], Arrays]
"""Turns the inputs and outputs of a request into other outputs."""

Finish = Callable[[Arrays], bytes]
"""Turns the outputs of a request into its predictions as JSON."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The steps of one model. Safe to call from several threads."""

    before: BeforeStep | None
    transforms: tuple[Transform, ...]
    finish: Finish | None
    """None where the predictions are those of a model without steps: labels with scores, or nested lists."""

    top: int | None
    """How many labels a prediction lists; None for the usual number."""

    is_slow_after: bool
    """Whether the steps after the model may hold up the event loop."""

    def transformed(self, inputs: Arrays, outputs: Arrays) -> Arrays:
        """Return the outputs of a request after all steps but the last."""
        for transform in self.transforms:
            outputs = transform(inputs, outputs)
        return outputs


def load(artifact: Path, signature: Signature) -> Steps | None:
    """Load the steps of an artifact; None where it has none.

    Raises:
        ArtifactError: a file is missing or changed, or a step does not fit the signature.

    """
    described = signature.steps
    if described is None:
        return None
    folder = artifact / STEPS
    _check_files(folder, described)
    hooks = _hooks(folder, signature, described)
    before = _before(folder, signature, described, hooks)
    transforms, finish = _after(signature, described.after, hooks)
    return Steps(
        before=before,
        transforms=transforms,
        finish=finish,
        top=next((step.k for step in described.after if isinstance(step, TopKStep)), None),
        is_slow_after=any(step.kind in {"hooks", "non_maximum_suppression"} for step in described.after),
    )


def _check_files(folder: Path, described: StepDescriptions) -> None:
    for name, expected in described.files.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise ArtifactError(f"{folder / name}: {error.strerror}; export the model again") from None
        if found != expected:
            raise ArtifactError(f"{folder / name} is not the file that was exported; export the model again")


def _hooks(folder: Path, signature: Signature, described: StepDescriptions) -> Hooks | None:
    needed = [
        *([PREPROCESS] if isinstance(described.before, HooksStep) else []),
        *([POSTPROCESS] if any(isinstance(step, HooksStep) for step in described.after) else []),
    ]
    if not needed:
        return None
    hooks = Hooks.load(folder / "hooks.py", signature)
    for name in needed:
        if getattr(hooks, name) is None:
            raise ArtifactError(f"{hooks.file} defines no function {name}, which the signature names")
    return hooks


def _before(
    folder: Path, signature: Signature, described: StepDescriptions, hooks: Hooks | None
) -> BeforeStep | None:
    match described.before:
        case None:
            return None
        case HooksStep():
            return hooks
        case TokenizerStep():
            # Its library is only in the images that need it.
            from app.steps.tokenizer import TextTokenizer

            return TextTokenizer.load(folder / "tokenizer.json", described.before, signature)
        case TableStep():
            return Table.of(described.before, signature)


def _after(
    signature: Signature, described: tuple[AfterStep, ...], hooks: Hooks | None
) -> tuple[tuple[Transform, ...], Finish | None]:
    transforms: list[Transform] = []
    finish: Finish | None = None
    for step in described:
        if finish is not None:
            raise ArtifactError(f"steps: {step.kind} comes after a step that makes the predictions")
        match step:
            case MeanPoolingStep():
                transforms.append(MeanPooling.of(step, signature).pooled)
            case HooksStep():
                assert hooks is not None  # noqa: S101 - loaded, because a step names it
                finish = hooks.finish
            case ThresholdStep():
                finish = Threshold.of(step, signature).finish
            case BoxesStep():
                finish = BoxSelection.of(step, signature).finish
            case TopKStep():
                if signature.labels is None:
                    raise ArtifactError("steps: top_k needs labels")
    return tuple(transforms), finish
