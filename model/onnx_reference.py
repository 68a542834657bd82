"""Compute an ONNX file by onnx's reference evaluator, in a process of its own, for a bounded time.

https://onnx.ai/onnx/api/reference.html
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from model.errors import ExportError
from model.signature import Arrays

SECONDS = 20.0
"""How long it may take: it computes a convolution about a thousand times slower than a runtime."""

LONGEST = 160
"""Characters of its error that are shown."""

MOST_BYTES = 200_000_000
"""Larger models are not tried: the evaluator copies each weight."""


class NotComparedError(ExportError):
    """The evaluator cannot compute this file, or not in time."""


def answer(file: Path, size: int, inputs: Arrays, *, batched: bool) -> Arrays:
    """Return what the reference evaluator answers to one sample.

    Args:
        file: the ONNX file.
        size: its bytes, with those of its external data.
        inputs: a batch of one sample.
        batched: whether the model has a batch axis.

    Raises:
        NotComparedError: it has no such operator, it is too slow, or the file is too large.

    """
    if size > MOST_BYTES:
        raise NotComparedError("the model is too large for it")
    arrays = inputs if batched else {name: array.reshape(array.shape[1:]) for name, array in inputs.items()}
    with tempfile.TemporaryDirectory() as scratch:
        given, found = Path(scratch, "given.npz"), Path(scratch, "found.npz")
        np.savez(given, allow_pickle=False, **arrays)
        command = [sys.executable, "-W", "ignore", "-m", __name__, str(file), str(given), str(found)]
        try:
            subprocess.run(
                command,
                check=True,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                # Modules are found where this process finds them.
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except subprocess.TimeoutExpired:
            raise NotComparedError(f"it takes longer than {SECONDS:.0f} seconds") from None
        except subprocess.CalledProcessError as error:
            lines = str(error.stderr).strip().splitlines()
            raise NotComparedError(f"it fails ({lines[-1][:LONGEST]})" if lines else "it fails") from None
        with np.load(found) as loaded:
            answers = dict(loaded)
    return answers if batched else {name: array[np.newaxis] for name, array in answers.items()}


def main(file: str, given: str, found: str) -> None:
    """Evaluate a file on the arrays of one .npz file, and write the answer to another."""
    evaluator = ReferenceEvaluator(onnx.load_model(file))
    with np.load(given) as loaded:
        values = evaluator.run(None, dict(loaded))
    names = [str(name) for name in evaluator.output_names]
    outputs = {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
    np.savez(found, allow_pickle=False, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
