"""Export the two models of the benchmark, each with an input and the expected answer."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.commands import output_of
from bench.errors import BenchError
from bench.paths import BUILD, PROJECT
from bench.progress import say

OUTPUT = BUILD / "model"
CHECKPOINT = BUILD / "small.pt"
FORMATS = ("onnx", "torchscript")
FILES = {"onnx": "onnx/model.onnx", "torchscript": "torchscript/model.pt"}

EXPORTS = {
    "small": (
        "--factory=bench.small_model:build",
        f"--checkpoint={CHECKPOINT}",
        "--name=small",
        "--input-shape=784",
    ),
    "efficientnet-lite0": ("efficientnet-lite0",),
}
"""The arguments of `python -m model export` by model."""

BATCH = {"small": 32, "efficientnet-lite0": 4}
"""The maximum batch size of the peers by model. With larger batches ONNX Runtime is no faster per sample."""

RTOL, ATOL = 1e-3, 1e-4
"""|answer - expected| <= ATOL + RTOL * |expected|."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """An exported model."""

    name: str
    artifact: Path
    sample: NDArray[np.float32]
    """An input, without the axis of the batch."""

    expected: NDArray[np.float32]
    """The output for `sample`: the scores of the classes."""

    labels: tuple[str, ...] | None
    """The labels, if there are any: then Slipway answers with the best label, and a peer with its index."""

    @property
    def shape(self) -> str:
        """The input's shape as text: `3,224,224`."""
        return ",".join(map(str, self.sample.shape))

    @property
    def batch(self) -> int:
        """The maximum batch size of a peer."""
        return BATCH[self.name]

    def file(self, form: str) -> Path:
        """Return the file of a format."""
        return self.artifact / FILES[form]

    def check(self, answer: object, server: str) -> None:
        """Compare an answer with the model's output at export.

        Args:
            answer: the scores in nested lists; or, if the model has labels, the best label or its index.
            server: the name of the server that answered.

        Raises:
            BenchError: the answer differs from the expected one.

        """
        best = int(self.expected.argmax())
        if self.labels is not None:
            right = answer == self.labels[best] or _flat(answer) == [best]
        else:
            values = np.array(_flat(answer), np.float32)
            right = values.shape == self.expected.shape and bool(
                np.allclose(values, self.expected, RTOL, ATOL)
            )
        if not right:
            raise BenchError(f"{server} answers {str(answer)[:200]}, which is not the output of {self.name}")


def load(name: str, formats: Sequence[str] = FORMATS, output: Path = OUTPUT) -> Model:
    """Return a model, and export it first if it is missing.

    Args:
        name: the name of the model.
        formats: the formats to export.
        output: the folder of the artifacts with these formats.

    Raises:
        BenchError: the export failed.

    """
    artifact = output / name / "latest"
    if not (artifact / "signature.json").exists():
        say(f"→ export {name}")
        if name == "small":
            CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
            _python("bench.small_model", str(CHECKPOINT))
        options = [f"--format={form}" for form in formats]
        _python("model", "export", *EXPORTS[name], *options, f"--output={output}")
    signature = cast(dict[str, Any], json.loads((artifact / "signature.json").read_text()))
    with np.load(artifact / "sample.npz") as arrays:
        sample, expected = (
            arrays[signature[side][0]["name"]][0].astype(np.float32) for side in ("inputs", "outputs")
        )
    labels = signature["labels"]
    return Model(
        name=name,
        artifact=artifact.resolve(),
        sample=sample,
        expected=expected,
        labels=tuple(labels) if labels else None,
    )


def _python(*module: str) -> None:
    """Run a Python module in the project's folder."""
    output_of([sys.executable, "-m", *module], folder=PROJECT)


def _flat(answer: object) -> list[Any]:
    if not isinstance(answer, list):
        return [answer]
    return [value for part in cast(list[object], answer) for value in _flat(part)]
