"""Match sample inputs to the parameters of a module's forward(), by name where there are names."""

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
    """The parameters of a forward(), without `self`."""

    named: dict[str, inspect.Parameter]
    """In their order, without `*args` and `**kwargs`."""

    has_args: bool
    """Whether there is an `*args`."""

    has_kwargs: bool
    """Whether there is a `**kwargs`."""

    @property
    def required(self) -> list[str]:
        """The names of the parameters without a default."""
        return [
            name for name, parameter in self.named.items() if parameter.default is inspect.Parameter.empty
        ]

    @classmethod
    def of(cls, module: nn.Module) -> "Parameters":
        """Read the parameters of a module's forward()."""
        try:
            parameters = (
                _scripted(module)
                if isinstance(module, torch.jit.ScriptModule)
                else list(inspect.signature(module.forward).parameters.values())
            )
        except (TypeError, ValueError):
            return cls(named={}, has_args=True, has_kwargs=False)
        kinds = {parameter.kind for parameter in parameters}
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return cls(
            named={parameter.name: parameter for parameter in parameters if parameter.kind not in variable},
            has_args=inspect.Parameter.VAR_POSITIONAL in kinds,
            has_kwargs=inspect.Parameter.VAR_KEYWORD in kinds,
        )


def _scripted(module: torch.jit.ScriptModule) -> list[inspect.Parameter]:
    """Return the parameters of a TorchScript module's forward(), without `self`."""
    arguments = cast(Any, module.forward).schema.arguments[1:]
    return [
        inspect.Parameter(
            argument.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=argument.default_value if argument.has_default_value() else inspect.Parameter.empty,
        )
        for argument in arguments
    ]


def bind(module: nn.Module, samples: Arrays) -> tuple[nn.Module, Arrays]:
    """Match sample inputs to the parameters of a module's forward().

    An array goes to the parameter of its name, whatever the order of the file. A single array may have any
    name: it is the first argument. Several arrays are passed by position only to a forward(*args), which has
    no names to match.

    Args:
        module: a PyTorch module.
        samples: arrays by name, the batch first.

    Returns:
        A module that takes the samples by position, and the samples in the order of its arguments. It is the
        same module, unless some arguments can be passed by keyword only.

    Raises:
        ExportError: a name is no parameter, or a parameter without a default has no array.

    """
    parameters = Parameters.of(module)
    known = [name for name in samples if name in parameters.named]
    if len(samples) == 1 and not known:
        _check_complete(parameters, parameters.required[:1])
        if not parameters.named and parameters.has_kwargs and not parameters.has_args:
            return _WithKeywords(module, 0, list(samples)), samples
        return module, samples
    if not known and not parameters.named and parameters.has_kwargs:
        return _WithKeywords(module, 0, list(samples)), samples
    if not known and not parameters.named and parameters.has_args:
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
    positional = [name for name, parameter in parameters.named.items() if parameter.kind in POSITIONAL]
    # After the first parameter that has no array, the others must be passed by keyword.
    count = next(
        (index for index, name in enumerate(positional) if ordered[index : index + 1] != [name]),
        len(positional),
    )
    arrays = {name: samples[name] for name in ordered}
    return (module if count == len(ordered) else _WithKeywords(module, count, ordered[count:])), arrays


def _check_complete(parameters: Parameters, given: Sequence[str]) -> None:
    if missing := [name for name in parameters.required if name not in given]:
        raise ExportError(
            f"forward() takes {', '.join(parameters.required)}, and the example has nothing for "
            f"{', '.join(missing)}: give --example an .npz file with an array for each, under its name"
        )


class _WithKeywords(nn.Module):
    """Passes some arguments of a module by keyword, because exported programs take them by position only."""

    def __init__(self, module: nn.Module, positional: int, names: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.positional = positional
        self.names = tuple(names)

    def forward(self, *tensors: torch.Tensor) -> Any:  # noqa: ANN401 - whatever the module returns
        keywords = dict(zip(self.names, tensors[self.positional :], strict=True))
        return cast(Any, self.module)(*tensors[: self.positional], **keywords)
