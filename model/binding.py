"""Samples to the arguments of a module's forward(): by name where there are names to match."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from model.errors import ExportError
from model.signature import Arrays

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a forward() takes, without `self`."""

    named: dict[str, inspect.Parameter]
    """In their order, `*args` and `**kwargs` aside."""

    more: bool
    """Whether `*args` takes others."""

    others: bool
    """Whether `**kwargs` takes others by name."""

    @property
    def required(self) -> list[str]:
        """The names without a default."""
        return [name for name, taken in self.named.items() if taken.default is inspect.Parameter.empty]

    @classmethod
    def of(cls, module: nn.Module) -> "Parameters":
        """Read the signature of a module's forward()."""
        try:
            taken = inspect.signature(module.forward).parameters.values()
        except (TypeError, ValueError):
            return cls(named={}, more=True, others=False)
        kinds = {parameter.kind for parameter in taken}
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return cls(
            named={parameter.name: parameter for parameter in taken if parameter.kind not in variable},
            more=inspect.Parameter.VAR_POSITIONAL in kinds,
            others=inspect.Parameter.VAR_KEYWORD in kinds,
        )


def bind(module: nn.Module, samples: Arrays) -> tuple[nn.Module, Arrays]:
    """Return a module that takes the samples by position, and the samples in that order.

    Names that are parameters of forward() decide which argument an array is, whatever the order of the file.
    A single array may have any name: it is the first argument. Several arrays go by position only to a
    forward(*args), which names nothing.

    Raises:
        ExportError: names match no parameter or only in part, or a parameter without a default is missing.

    """
    parameters = Parameters.of(module)
    known = [name for name in samples if name in parameters.named]
    if len(samples) == 1 and not known:
        _check_complete(parameters, parameters.required[:1])
        if not parameters.named and parameters.others and not parameters.more:
            return _Called(module, 0, list(samples)), samples
        return module, samples
    if not known and not parameters.named and parameters.others:
        return _Called(module, 0, list(samples)), samples
    if not known and not parameters.named and parameters.more:
        return module, samples
    if unknown := [name for name in samples if name not in known]:
        raise ExportError(
            f"the example names the inputs {', '.join(samples)}, and forward() takes "
            f"{', '.join(parameters.named) or 'none'}: {', '.join(unknown)} is none of them. Name each array "
            "in the .npz file after its parameter, as numpy.savez(FILE, "
            f"{', '.join(f'{name}=...' for name in parameters.required or parameters.named)}) does"
        )
    _check_complete(parameters, known)
    ordered = [name for name in parameters.named if name in samples]
    positional = [name for name, taken in parameters.named.items() if taken.kind in POSITIONAL]
    count = next(
        (index for index, name in enumerate(positional) if ordered[index : index + 1] != [name]),
        len(positional),
    )
    arrays = {name: samples[name] for name in ordered}
    return (module if count == len(ordered) else _Called(module, count, ordered[count:])), arrays


def _check_complete(parameters: Parameters, given: Sequence[str]) -> None:
    if missing := [name for name in parameters.required if name not in given]:
        raise ExportError(
            f"forward() takes {', '.join(parameters.required)}, and the example has nothing for "
            f"{', '.join(missing)}: give --example an .npz file with an array for each, under its name"
        )


class _Called(nn.Module):
    """Calls a module with some of its arguments by name: exports know arguments by position alone."""

    def __init__(self, module: nn.Module, positional: int, names: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.positional = positional
        self.names = tuple(names)

    def forward(self, *tensors: torch.Tensor) -> Any:  # noqa: ANN401 - whatever the module returns
        named = dict(zip(self.names, tensors[self.positional :], strict=True))
        return cast(Any, self.module)(*tensors[: self.positional], **named)
