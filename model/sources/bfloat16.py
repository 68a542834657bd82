"""Turn a module with weights in bfloat16 into one with the same weights in float32.

On a CPU, ONNX Runtime has few operations in bfloat16: https://onnxruntime.ai/docs/reference/operators/. Each
number in bfloat16 is a number in float32 too, so that only the rounding between the layers changes.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import nn

from model.errors import ExportError
from model.source import Report

ALLOWED = 0.05
"""How far an answer may move, relative to the largest value of its output. Rounding to bfloat16 changes a
number by up to 0.004 of its value, and the changes of the layers add up."""


def to_float32(module: nn.Module, example: Sequence[torch.Tensor], report: Report) -> None:
    """Turn the weights of a module to float32, if some are in bfloat16, and compare the answers.

    A module that then fails, because forward() itself converts to bfloat16, is left as it was.

    Args:
        module: is changed.
        example: its arguments.
        report: is told what was converted, and how far the answers moved.

    Raises:
        ExportError: the module answers otherwise in float32.

    """
    weights = [
        weight for weight in (*module.parameters(), *module.buffers()) if weight.dtype == torch.bfloat16
    ]
    if not weights:
        return
    module.eval()
    before = _answers(module, [part.bfloat16() if part.is_floating_point() else part for part in example])
    _convert(weights, torch.float32)
    after = _answers(module, example)
    if before is None or after is None:
        _convert(weights, torch.bfloat16)
        return
    moved = max(
        float((new - old).abs().max() / old.abs().max().clamp(min=torch.finfo(torch.float32).tiny))
        for old, new in zip(before, after, strict=True)
    )
    if not moved <= ALLOWED:
        raise ExportError(
            f"in float32 the module's answer moves by {moved:.1%} of its largest value, and rounding "
            f"explains {ALLOWED:.0%}. Look for a condition on a data type in forward(), or for weights that "
            "are infinite; then give the weights in float32, by module.float()"
        )
    report(
        f"the weights are exported as float32, because few operations are in bfloat16 on a CPU; the answer "
        f"moves by {moved:.2%} of its largest value"
    )


def _convert(weights: Sequence[torch.Tensor], dtype: torch.dtype) -> None:
    for weight in weights:
        weight.data = weight.data.to(dtype)


def _answers(module: nn.Module, arguments: Sequence[torch.Tensor]) -> list[torch.Tensor] | None:
    """Return the outputs of a module in float32; None if it fails, which later checks explain."""
    try:
        with torch.inference_mode():
            return [part.float() for part in _parts(module(*arguments))]
    except Exception:  # noqa: BLE001 - of the user's module
        return None


def _parts(answer: object) -> Sequence[torch.Tensor]:
    if isinstance(answer, Mapping):
        return list(cast("Mapping[str, torch.Tensor]", answer).values())
    parts = answer if isinstance(answer, (tuple, list)) else (answer,)
    return cast("Sequence[torch.Tensor]", parts)
