"""The two models, exported by the project itself, each with one real input and the answer it must get."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.paths import BUILD, PROJECT
from bench.progress import step

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
"""By model, what `python -m model export` is told of it."""

BATCH = {"small": 32, "efficientnet-lite0": 4}
"""By model, the most samples that a peer is told to batch. Past these ONNX Runtime gains nothing a sample."""

RTOL, ATOL = 1e-3, 1e-4
"""|answer - expected| <= ATOL + RTOL * |expected|."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """An exported model."""

    name: str
    artifact: Path
    sample: NDArray[np.float32]
    """One input, without the batch."""

    expected: NDArray[np.float32]
    """The output for it: the scores of some classes."""

    labels: tuple[str, ...] | None
    """Where a model has them, our server answers with the best of them and the peers with its number."""

    @property
    def shape(self) -> str:
        """The input's shape as text: `3,224,224`."""
        return ",".join(map(str, self.sample.shape))

    @property
    def batch(self) -> int:
        """The most samples that a peer is told to batch."""
        return BATCH[self.name]

    def file(self, form: str) -> Path:
        """Return the file of one format."""
        return self.artifact / FILES[form]

    def check(self, answer: object, who: str) -> None:
        """Hold an answer against what the model gave at export.

        Args:
            answer: scores in lists; or, where the model has labels, the best one or its number.
            who: whose answer it is.

        Raises:
            BenchError: it is another answer.

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
            raise BenchError(f"{who} answers {str(answer)[:200]}, which is not what {self.name} gives")


def load(name: str, formats: Sequence[str] = FORMATS, output: Path = OUTPUT) -> Model:
    """Return a model, exported first where it is not there yet.

    Args:
        name: of the model.
        formats: to export it in.
        output: the folder of all artifacts with these formats.

    Raises:
        BenchError: the export failed.

    """
    artifact = output / name / "latest"
    if not (artifact / "signature.json").exists():
        with step(f"export {name}"):
            if name == "small":
                CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
                _run(["bench.small_model", str(CHECKPOINT)])
            options = [f"--format={form}" for form in formats]
            _run(["model", "export", *EXPORTS[name], *options, f"--output={output}"])
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


def _run(module: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *module], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"python -m {module[0]} failed:\n{done.stderr.strip()}")


def _flat(answer: object) -> list[Any]:
    if not isinstance(answer, list):
        return [answer]
    return [value for part in cast(list[object], answer) for value in _flat(part)]
