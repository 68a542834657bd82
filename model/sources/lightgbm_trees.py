"""The trees of a LightGBM model as text: which of them ONNX can hold, and their thresholds.

The format: https://github.com/microsoft/LightGBM/blob/v4.6.0/src/io/tree.cpp (Tree::ToString).
"""

from typing import Any

import numpy as np

from model.errors import ExportError
from model.sources.thresholds import rounded_down

THRESHOLDS = "threshold="
LENGTHS = "tree_sizes="
DECISIONS = "decision_type="
MISSING_BITS = 0b1100
MISSING_IS_ZERO = 0b0100
"""Bits 2 and 3 of a decision type say which values are missing: none, zeros, or NaN."""


def check(text: str) -> None:
    """Refuse trees that ONNX cannot hold, or that onnxmltools converts to something else.

    Args:
        text: a model, as `Booster.model_to_string` returns it.

    Raises:
        ExportError: naming the setting with which the model was trained.

    """
    lines = text.splitlines()
    objective = next((line.partition("=")[2] for line in lines if line.startswith("objective=")), "")
    found = {
        "boosting='rf'": "average_output" in lines,
        "linear_tree=True": "is_linear=1" in lines,
        "objective='multiclassova'": objective.startswith("multiclassova"),
        "a sigmoid other than 1": "sigmoid:" in objective and "sigmoid:1" not in objective.split(),
        "zero_as_missing=True": any(
            int(kind) & MISSING_BITS == MISSING_IS_ZERO
            for line in lines
            if line.startswith(DECISIONS)
            for kind in line.removeprefix(DECISIONS).split()
        ),
    }
    if refused := [setting for setting, is_there in found.items() if is_there]:
        raise ExportError(
            f"LightGBM: the model was trained with {', '.join(refused)}, which its converter to ONNX does "
            "not support: train it without"
        )


def rounded(booster: Any) -> Any:  # noqa: ANN401 - a lightgbm.Booster, which may not be installed
    """Return a copy of a booster whose thresholds are float32 and divide float32 numbers as before.

    Raises:
        ExportError: ONNX cannot hold its trees.

    """
    from lightgbm import Booster

    text = booster.model_to_string()
    check(text)
    # The lengths of the trees as text, by which they may be read in parallel, change with the thresholds.
    lines = [line for line in text.split("\n") if not line.startswith(LENGTHS)]
    return Booster(model_str="\n".join(map(_rounded_line, lines)))


def _rounded_line(line: str) -> str:
    if not line.startswith(THRESHOLDS):
        return line
    values = np.array(line.removeprefix(THRESHOLDS).split(), dtype=np.float64)
    return THRESHOLDS + " ".join(map(repr, rounded_down(values).tolist()))
