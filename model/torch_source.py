"""A PyTorch module as a source: answers taken eagerly, the graph and the weights fingerprinted."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from model.errors import ExportError
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
        samples: real inputs by name, each with a batch axis first, in the order of the module's arguments.
        description: the model's name, and what its numbers stand for.
        outputs: names for what it returns, unless that is a mapping; `output`, `output_1`, … by default.

    Raises:
        ExportError: the module fails on the samples, or torch.export cannot follow it.

    """
    module = module.eval().requires_grad_(requires_grad=False)
    eager = partial(_eager, module, outputs)
    example = rows(samples, range(EXAMPLE_SIZE))
    try:
        names = list(eager(example))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        shapes = {name: list(array.shape[1:]) for name, array in samples.items()}
        raise ExportError(
            f"{description.name}: the module fails on inputs of shape {shapes}: {error}"
        ) from None
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


def _tensors(arrays: Arrays) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in arrays.values())


def _eager(module: nn.Module, outputs: Sequence[str] | None, inputs: Arrays) -> Arrays:
    with torch.inference_mode():
        return _named(module(*_tensors(inputs)), outputs)


def _named(answer: object, names: Sequence[str] | None) -> Arrays:
    if isinstance(answer, Mapping):
        named = dict(cast(Mapping[str, object], answer))
    else:
        parts = cast(Sequence[object], answer) if isinstance(answer, (tuple, list)) else (answer,)
        names = names or ["output", *(f"output_{index}" for index in range(1, len(parts)))]
        if len(names) != len(parts):
            raise ExportError(f"the module returns {len(parts)} outputs, and {len(names)} names are given")
        named = dict(zip(names, parts, strict=True))
    if not all(isinstance(value, torch.Tensor) for value in named.values()):
        raise ExportError(f"the module returns {type(answer).__name__}, not tensors or a mapping of them")
    return {name: value.detach().numpy() for name, value in cast(dict[str, torch.Tensor], named).items()}


def _program(name: str, module: nn.Module, example: tuple[torch.Tensor, ...]) -> torch.export.ExportedProgram:
    # DYNAMIC, and not AUTO: a module that holds for one batch size alone is refused, not frozen to it.
    dynamic = tuple({0: torch.export.Dim.DYNAMIC} for _ in example)
    try:
        with quiet():
            return torch.export.export(module, example, dynamic_shapes=dynamic)
    except (RuntimeError, ValueError) as error:
        raise ExportError(
            f"{name}: torch.export cannot follow the module with a batch of any size: {error}"
        ) from None


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
