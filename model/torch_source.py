"""A PyTorch module as a source: answers taken eagerly, the graph and the weights fingerprinted."""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import nn
from torch._dynamo.exc import UserError
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from model.behaviour import check_same
from model.binding import bind
from model.errors import ExportError, quoted
from model.formats import onnx, torchscript
from model.formats.quiet import quiet
from model.samples import rows
from model.signature import Arrays
from model.source import Description, Format, Source
from model.version import fingerprint

EXAMPLE_SIZE = 2
"""Of the batch that the exporters follow: to torch.export a batch of one is a constant."""


def torch_source(
    module: nn.Module, samples: Arrays, description: Description, outputs: Sequence[str] | None = None
) -> Source:
    """Make a source of a module, which is put into evaluation mode.

    Args:
        module: returns a tensor, a sequence of tensors, or a mapping of names to tensors.
        samples: real inputs by name, each with a batch axis first. The names are those of forward()'s
            parameters; a single one may have any name.
        description: the model's name, and what its numbers stand for.
        outputs: names for what it returns, unless that is a mapping; `output`, `output_1`, … by default.

    Raises:
        ExportError: the samples are not its arguments, it fails on them or answers otherwise when it is asked
            again, or torch.export cannot follow it.

    """
    module, samples = bind(module, samples)
    module = _evaluating(module)
    eager = partial(_eager, module, outputs)
    example = rows(samples, range(EXAMPLE_SIZE))
    try:
        answer = eager(example)
    except ExportError:
        raise
    except Exception as error:
        given = {name: f"{array.dtype}{list(array.shape[1:])}" for name, array in samples.items()}
        raise ExportError(
            f"{description.name}: the module fails on inputs of shape {given}: {quoted(error)}. Shapes are "
            "without the batch; --example FILE or --input-shape gives others"
        ) from error
    # Before torch.export, which has other words for a state that changes with each call.
    check_same(answer, eager(example))
    names = list(answer)
    program = _program(description.name, module, _tensors(example))
    return Source(
        description=description,
        eager=eager,
        samples=samples,
        fingerprint=_fingerprint(program),
        formats=(
            Format(
                name="onnx",
                write=partial(onnx.write, program=program, inputs=list(samples), outputs=names),
                load=onnx.load,
            ),
            Format(
                name="torchscript",
                write=partial(torchscript.write, module=module, example=_tensors(example)),
                load=partial(torchscript.load, inputs=list(samples), outputs=names),
            ),
        ),
    )


def _evaluating(module: nn.Module) -> nn.Module:
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            where = f"its part {name!r}" if name else "it"
            raise ExportError(
                f"the module cannot be exported again: {where} is TorchScript already. Return the nn.Module "
                "that it was made from; its weights are in torch.jit.load(FILE).state_dict()"
            )
    try:
        return module.eval().requires_grad_(requires_grad=False)
    except NotImplementedError as error:
        raise ExportError(
            f"the module has no evaluation mode ({error}). What torch.export loads from a .pt2 file cannot "
            "be exported again: return the nn.Module that it was made from; its weights are in "
            "torch.export.load(FILE).state_dict"
        ) from None


def _tensors(arrays: Arrays) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in arrays.values())


def _eager(module: nn.Module, outputs: Sequence[str] | None, inputs: Arrays) -> Arrays:
    with torch.inference_mode():
        return _named(module(*_tensors(inputs)), outputs)


def _named(answer: object, names: Sequence[str] | None) -> Arrays:
    if isinstance(answer, Mapping):
        named = {str(name): value for name, value in cast(Mapping[object, object], answer).items()}
        if names and list(names) != list(named):
            raise ExportError(
                f"the module names its outputs itself, {', '.join(named)}: leave --output-name out"
            )
    else:
        parts = cast(Sequence[object], answer) if isinstance(answer, (tuple, list)) else (answer,)
        names = names or ["output", *(f"output_{index}" for index in range(1, len(parts)))]
        if len(names) != len(parts):
            raise ExportError(f"the module returns {len(parts)} outputs, and {len(names)} names are given")
        named = dict(zip(names, parts, strict=True))
    return {name: _array(name, value) for name, value in named.items()}


def _array(name: str, value: object) -> NDArray[Any]:
    if not isinstance(value, torch.Tensor):
        raise ExportError(
            f"the module returns {type(value).__name__} as {name!r}, not a tensor. Return a tensor, a tuple "
            "of tensors or a mapping of names to tensors: wrap the module in one whose forward() leaves the "
            "rest out"
        )
    try:
        return value.detach().cpu().numpy()
    except (TypeError, RuntimeError):
        kind = str(value.dtype if value.layout == torch.strided else value.layout).removeprefix("torch.")
        raise ExportError(
            f"the module returns {name!r} as {kind}, which no client can take: return it as float32, by "
            ".float() or .to_dense() at the end of forward()"
        ) from None


def _program(name: str, module: nn.Module, example: tuple[torch.Tensor, ...]) -> torch.export.ExportedProgram:
    # DYNAMIC, and not AUTO: a module that holds for one batch size alone is refused, not frozen to it.
    each = tuple({0: torch.export.Dim.DYNAMIC} for _ in example)
    variable = any(
        parameter.kind == inspect.Parameter.VAR_POSITIONAL
        for parameter in inspect.signature(module.forward).parameters.values()
    )
    try:
        with quiet():
            return torch.export.export(module, example, dynamic_shapes=(each,) if variable else each)
    except GuardOnDataDependentSymNode as error:
        raise ExportError(
            f"{name}: forward() goes another way by the values of a tensor, as an `if` or a `for` over data "
            f"does: {quoted(error)}. Compute both and choose by torch.where, or use torch.cond: "
            "https://docs.pytorch.org/docs/stable/cond.html"
        ) from error
    except UserError as error:
        raise ExportError(
            f"{name}: torch.export cannot follow the module with a batch of any size: {quoted(error)}. Where "
            "forward() needs the batch it must ask x.shape[0] for its size, and not len(x) or a fixed number"
        ) from error
    except Exception as error:
        raise ExportError(
            f"{name}: torch.export cannot follow the module with a batch of any size: {quoted(error)}"
        ) from error


def _fingerprint(program: torch.export.ExportedProgram) -> bytes:
    def parts(key: str, tensor: torch.Tensor) -> tuple[str, str, tuple[int, ...], bytes]:
        content = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        return key, str(tensor.dtype), tuple(tensor.shape), content

    # The constants are what the state leaves out: buffers that are not saved, tensors made in forward().
    held: dict[str, Any] = {**program.state_dict, **program.constants}
    return fingerprint(
        program.graph_module.code,
        (parts(key, value) for key, value in held.items() if isinstance(value, torch.Tensor)),
    )
