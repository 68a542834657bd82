"""Run a PyTorch module on arrays, and name its outputs."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import nn

from model.errors import ExportError, quoted
from model.signature import Arrays
from model.source import Run

EXAMPLE_SIZE = 2
"""Batch size of the exporters' example: torch.export takes a batch of 1 for a constant."""


def first_answer(eager: Run, example: Arrays, name: str) -> Arrays:
    """Return a module's answer to its first example.

    Raises:
        ExportError: the module fails; the message says what to give it.

    """
    try:
        return eager(example)
    except ExportError:
        raise
    except (Exception, SystemExit) as error:
        given = {key: f"{array.dtype}{list(array.shape[1:])}" for key, array in example.items()}
        raise ExportError(
            f"{name}: the module fails on inputs of shape {given}, in a batch of {EXAMPLE_SIZE}: "
            f"{quoted(error)}. Give --example FILE with the shapes and data types that forward() takes "
            "(numpy.save writes float64 unless the array is converted, as by .astype('float32')); a batch "
            "of any size must go"
        ) from error


def tensors_of(arrays: Arrays) -> tuple[torch.Tensor, ...]:
    """Return arrays as tensors, in their order."""
    # Copies: a module may change its input in place.
    return tuple(torch.tensor(array) for array in arrays.values())


def run_module(module: nn.Module, outputs: Sequence[str] | None, inputs: Arrays) -> Arrays:
    """Give a module its arguments by position, and return its outputs by name."""
    with torch.inference_mode():
        return named_outputs(module(*tensors_of(inputs)), outputs)


def named_outputs(answer: object, names: Sequence[str] | None) -> Arrays:
    """Return what a module answered as arrays by name.

    Args:
        answer: a tensor, a sequence of tensors, or a mapping of names to tensors.
        names: names of the outputs, unless the module returns a mapping; by default `output`, `output_1`,
            and so on.

    Raises:
        ExportError: something else is in the answer, or the names do not fit it.

    """
    if isinstance(answer, Mapping):
        entries = cast(Mapping[object, object], answer)
        if unnamed := [key for key in entries if not isinstance(key, str)]:
            raise ExportError(
                f"the module returns a mapping with the key {unnamed[0]!r}: the keys are the names of the "
                "outputs and must be strings"
            )
        named = cast(dict[str, object], dict(entries))
        if names and list(names) != list(named):
            raise ExportError(
                f"the module names its outputs itself, {', '.join(named)}: leave --output-name out"
            )
    else:
        parts = cast(Sequence[object], answer) if isinstance(answer, (tuple, list)) else (answer,)
        names = names or ["output", *(f"output_{index}" for index in range(1, len(parts)))]
        if parts and len(names) != len(parts):
            raise ExportError(f"the module returns {len(parts)} outputs, and {len(names)} names are given")
        named = dict(zip(names, parts, strict=False))
    if not named:
        raise ExportError("the module returns no output: return a tensor, a tuple or a mapping of tensors")
    return {name: _array(name, value) for name, value in named.items()}


def _array(name: str, value: object) -> NDArray[Any]:
    if not isinstance(value, torch.Tensor):
        raise ExportError(
            f"the module returns {type(value).__name__} as {name!r}, not a tensor. Return a tensor, a tuple "
            "of tensors or a mapping of names to tensors: wrap the module in another whose forward() leaves "
            "the rest out"
        )
    try:
        return value.detach().cpu().numpy()
    except (TypeError, RuntimeError):
        kind = str(value.dtype if value.layout == torch.strided else value.layout).removeprefix("torch.")
        raise ExportError(
            f"the module returns {name!r} as {kind}, which no client can take: return it as float32, by "
            ".float() or .to_dense() at the end of forward()"
        ) from None
