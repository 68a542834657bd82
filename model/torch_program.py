"""Follow a PyTorch module by torch.export, and fingerprint the resulting program."""

import inspect
import re
import warnings
from collections.abc import Collection, Sequence
from typing import Any, cast

import torch
from torch import nn
from torch._dynamo.exc import UserError
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.utils._sympy.numbers import int_oo

from model.errors import ExportError, quoted
from model.formats.quiet import quiet
from model.version import fingerprint

Program = torch.export.ExportedProgram


class NotFollowedError(ExportError):
    """torch.export cannot leave an axis open."""


SMALLEST_BATCH = 2
"""torch.export assumes that an open axis holds 2 or more; the parity gate tries a batch of 1 as well."""


def program_of(
    name: str,
    module: nn.Module,
    example: tuple[torch.Tensor, ...],
    open_axes: Sequence[Collection[int]],
) -> Program:
    """Follow a module by torch.export, with some axes open.

    Args:
        name: the model's name, for messages.
        module: in evaluation mode.
        example: its arguments; an open axis, such as the batch, has a length of 2 or more.
        open_axes: the axes of each argument that may have any length. Axis 0 is the batch.

    Raises:
        NotFollowedError: torch.export takes the length of an open axis for a constant.
        ExportError: the computation depends on the values of a tensor or on the batch size, or torch.export
            does not support it.

    """
    # DYNAMIC and not AUTO: AUTO would fix the batch size without a word, where a module needs a fixed one.
    axes = tuple(dict.fromkeys(numbers, torch.export.Dim.DYNAMIC) for numbers in open_axes)
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
        raise NotFollowedError(
            f"{name}: torch.export cannot follow the module with {_freedom(open_axes)}: {quoted(error)}. "
            "Where forward() needs the length of such an axis, it must ask x.shape[0] for it, not len(x) or "
            "a fixed number; nn.Transformer, nn.MultiheadAttention and recurrent layers need "
            "batch_first=True"
        ) from error
    except Exception as error:
        raise ExportError(
            f"{name}: torch.export cannot follow the module with {_freedom(open_axes)}: {quoted(error)}. "
            "Write that line with operations on tensors alone: https://docs.pytorch.org/docs/stable/export.html"
        ) from error
    if any(0 in numbers for numbers in open_axes):
        _check_batch_sizes(name, program)
    return program


def _freedom(open_axes: Sequence[Collection[int]]) -> str:
    others = any(set(numbers) - {0} for numbers in open_axes)
    return "a batch of any size" + (" and open axes of any length" if others else "")


def _check_batch_sizes(name: str, program: Program) -> None:
    """Refuse a program that is valid for some batch sizes only: `if x.shape[0] > 100` makes two programs."""
    inputs = set(program.graph_signature.user_inputs)
    batches = {
        str(node.meta["val"].shape[0])
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in inputs
    }
    for symbol, sizes in program.range_constraints.items():
        if str(symbol) in batches and (sizes.lower > SMALLEST_BATCH or sizes.upper != int_oo):
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


def fingerprint_of_trace(module: nn.Module, example: tuple[torch.Tensor, ...]) -> bytes:
    """Hash a module that torch.export cannot follow: its trace, its weights and its constants."""
    with quiet(), warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        traced = cast(Any, torch.jit.trace(module, example, strict=False, check_trace=False))
    code, constants = traced.inlined_graph, traced.code_with_constants[1].const_mapping
    tensors: dict[str, Any] = {**module.state_dict(), **constants}
    return fingerprint(
        re.sub(r" *#.*", "", str(code)),
        (_parts(key, value) for key, value in tensors.items() if isinstance(value, torch.Tensor)),
    )


def _parts(key: str, tensor: torch.Tensor) -> tuple[str, str, tuple[int, ...], bytes]:
    content = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return key, str(tensor.dtype), tuple(tensor.shape), content
