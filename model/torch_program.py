"""Follow a PyTorch module by torch.export, and fingerprint the resulting program."""

import inspect
from typing import Any

import torch
from torch import nn
from torch._dynamo.exc import UserError
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.utils._sympy.numbers import int_oo

from model.errors import ExportError, quoted
from model.formats.quiet import quiet
from model.version import fingerprint

Program = torch.export.ExportedProgram

SMALLEST_BATCH = 2
"""torch.export assumes that an open axis holds 2 or more; the parity gate tries a batch of 1 as well."""


def program_of(name: str, module: nn.Module, example: tuple[torch.Tensor, ...]) -> Program:
    """Follow a module by torch.export, with its first axes open.

    Args:
        name: the model's name, for messages.
        module: in evaluation mode.
        example: its arguments, a batch of 2 or more.

    Raises:
        ExportError: the computation depends on the values of a tensor or on the batch size, or torch.export
            does not support it.

    """
    # DYNAMIC and not AUTO: AUTO would fix the batch size without a word, where a module needs a fixed one.
    axes = tuple({0: torch.export.Dim.DYNAMIC} for _ in example)
    has_args = any(
        parameter.kind == inspect.Parameter.VAR_POSITIONAL
        for parameter in inspect.signature(module.forward).parameters.values()
    )
    try:
        with quiet():
            program = torch.export.export(module, example, dynamic_shapes=(axes,) if has_args else axes)
    except GuardOnDataDependentSymNode as error:
        raise ExportError(
            f"{name}: forward() takes another path for other values of a tensor, as with an `if` or a `for` "
            f"over data: {quoted(error)}. Compute both paths and choose by torch.where, or use torch.cond: "
            "https://docs.pytorch.org/docs/stable/cond.html"
        ) from error
    except UserError as error:
        raise ExportError(
            f"{name}: torch.export cannot follow the module with a batch of any size: {quoted(error)}. Where "
            "forward() needs the batch size, it must ask x.shape[0] for it, not len(x) or a fixed number; "
            "nn.Transformer, nn.MultiheadAttention and recurrent layers need batch_first=True"
        ) from error
    except Exception as error:
        raise ExportError(
            f"{name}: torch.export cannot follow the module with a batch of any size: {quoted(error)}. Write "
            "that line with operations on tensors alone: https://docs.pytorch.org/docs/stable/export.html"
        ) from error
    _check_batch_sizes(name, program)
    return program


def _check_batch_sizes(name: str, program: Program) -> None:
    """Refuse a program that is valid for some batch sizes only: `if x.shape[0] > 100` makes two programs."""
    for symbol, sizes in program.range_constraints.items():
        # Sizes that depend on data are named u0, u1, …; those of open axes s0, s1, ….
        if str(symbol).startswith("s") and (sizes.lower > SMALLEST_BATCH or sizes.upper != int_oo):
            raise ExportError(
                f"{name}: forward() takes another path for other batch sizes: what torch.export followed "
                f"is right from {sizes.lower} to {sizes.upper} only. Remove the condition on the batch size"
            )


def fingerprint_of(program: Program) -> bytes:
    """Hash a program: its graph with those of its branches, its weights and its constants."""
    branches = [
        f"{name}: {graph.code}"
        for name, graph in program.graph_module.named_modules()
        if name and isinstance(graph, torch.fx.GraphModule)
    ]
    # The state leaves out constants: buffers that are not saved, and tensors made in forward().
    tensors: dict[str, Any] = {**program.state_dict, **program.constants}
    return fingerprint(
        "\n".join([program.graph_module.code, *branches]),
        (_parts(key, value) for key, value in tensors.items() if isinstance(value, torch.Tensor)),
    )


def _parts(key: str, tensor: torch.Tensor) -> tuple[str, str, tuple[int, ...], bytes]:
    content = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return key, str(tensor.dtype), tuple(tensor.shape), content
