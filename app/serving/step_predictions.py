"""The predictions of a model with steps, and the check that they are those of the export."""

import orjson

from app.artifact import Artifact
from app.errors import RequestError
from app.runtimes import Run
from app.serving.predictions import TOP_LABELS, BatchOutputs
from app.signature import ArtifactError, Signature
from app.step_example import difference
from app.steps import Steps
from app.tensors import Arrays

MOST_EXAMPLES = 32
"""Samples that the example of an artifact may hold, whatever a request may."""


def predictions(steps: Steps, signature: Signature, inputs: Arrays, outputs: Arrays) -> bytes:
    """Return the predictions of one request as JSON.

    Args:
        steps: those of the model.
        signature: of the model.
        inputs: the model's inputs for this request, of shape [samples, ...].
        outputs: its outputs for them.

    Raises:
        RequestError: a step refuses them or fails, or JSON cannot carry a number.

    """
    outputs = steps.transformed(inputs, outputs)
    if steps.finish is not None:
        return steps.finish(outputs)
    size = len(next(iter(outputs.values())))
    return orjson.dumps(BatchOutputs(outputs, signature, steps.top or TOP_LABELS).predictions(0, size))


def check_example(artifact: Artifact, steps: Steps, run: Run, batch_size: int) -> None:
    """Check that the example of an artifact has the predictions that it had at export.

    Args:
        artifact: holds the example.
        steps: those of the model.
        run: runs the model on a batch of any size.
        batch_size: most samples of a request.

    Raises:
        ArtifactError: the example is refused, or its predictions differ.

    """
    example = artifact.example
    assert example is not None  # noqa: S101 - an artifact with steps has one
    inputs = artifact.inputs
    try:
        if steps.before is not None and example.request is not None:
            inputs = steps.before.tensors(example.request, max(batch_size, MOST_EXAMPLES))
        answer = orjson.loads(predictions(steps, artifact.signature, inputs, run(inputs)))
    except RequestError as error:
        raise ArtifactError(f"{artifact.path}: its own example request fails: {error.detail}") from error
    if found := difference(answer, example.predictions):
        raise ArtifactError(f"{artifact.path}: its own example is answered otherwise than at export: {found}")
