"""Make a source of a PyTorch module."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model import samples as sample_inputs
from model.behaviour import check_rebuilt, check_same
from model.binding import bind
from model.errors import ExportError, UsageError, quoted
from model.formats import onnx, torchscript
from model.lengths import opened
from model.samples import take
from model.signature import Arrays
from model.source import Description, Format, Run, Source, in_order, one_by_one
from model.sources.kind import Given
from model.torch_program import NotFollowedError, fingerprint_of, fingerprint_of_trace, program_of

EXAMPLE_SIZE = 2
"""Batch size of the exporters' example: torch.export takes a batch of 1 for a constant."""


def torch_source(
    module: nn.Module,
    samples: Arrays,
    description: Description,
    outputs: Sequence[str] | None = None,
    *,
    batched: bool = True,
    open_axes: Mapping[str, tuple[int, ...]] | None = None,
) -> Source:
    """Make a source of a module, which is put into evaluation mode.

    Args:
        module: returns a tensor, a sequence of tensors, or a mapping of names to tensors.
        samples: real inputs by name, each with a batch axis first. The names are those of forward()'s
            parameters; a single input may have any name.
        description: the model's name, and the meaning of its numbers.
        outputs: names of the outputs, in their order, unless the module returns a mapping; by default
            `output`, `output_1`, and so on.
        batched: whether the first axis of each argument is the batch. Otherwise the module gets single
            samples: arrays without their first axis.
        open_axes: by input: axes of the arrays, beside the first, that may have any length.

    Raises:
        ExportError: the samples do not fit forward(), forward() fails or is not repeatable, or torch.export
            cannot follow it.

    """
    module, samples = bind(module, samples)
    run = in_order(partial(run_module, _evaluating(module), outputs), samples)
    eager = run if batched else one_by_one(run)
    example = take(samples, range(EXAMPLE_SIZE if batched else 1))
    open_axes = open_axes or {}
    tensors = tensors_of(example if batched else _first(example))
    axes: list[Sequence[int]] = [
        (0, *open_axes.get(name, ())) if batched else [axis - 1 for axis in open_axes.get(name, ())]
        for name in samples
    ]
    answer = first_answer(eager, example, description.name)
    # Before torch.export, whose message about a changing state is harder to understand.
    check_same(answer, eager(example))
    names = list(answer)
    identity, write = _onnx(description.name, module, tensors, axes, batched=batched)
    return Source(
        description=description,
        eager=eager,
        samples=samples,
        fingerprint=identity,
        formats=(
            Format(
                name="onnx",
                write=partial(write, inputs=list(samples), outputs=names, batched=batched),
                load=partial(onnx.load, batched=batched),
            ),
            Format(
                name="torchscript",
                write=partial(torchscript.write, module=module, example=tensors),
                load=partial(torchscript.load, inputs=list(samples), outputs=names, batched=batched),
                by_default=False,
            ),
        ),
        batched=batched,
        open_axes=open_axes,
        can_open=True,
    )


def _onnx(
    name: str,
    module: nn.Module,
    example: tuple[torch.Tensor, ...],
    axes: list[Sequence[int]],
    *,
    batched: bool,
) -> tuple[bytes, partial[None]]:
    """Return a module's fingerprint, and what writes it as ONNX."""
    try:
        program = program_of(name, module, example, axes)
    except NotFollowedError:
        if not any(set(numbers) - ({0} if batched else set()) for numbers in axes):
            raise
        identity = fingerprint_of_trace(module, example)
        return identity, partial(onnx.write_traced, module=module, example=example, open_axes=axes)
    return fingerprint_of(program), partial(onnx.write, program=program)


def check_examples(given: Given) -> None:
    """Check that the command line says what the model takes.

    Raises:
        UsageError: neither an example nor a shape of the input is given.

    """
    if not given.examples:
        raise UsageError("--input-shape 3,224,224 or --example FILE is missing: what the model takes")


def with_examples(module: nn.Module, given: Given) -> Source:
    """Make a source of a module with the examples and the axes that the command line names.

    Raises:
        ExportError: as for `torch_source`, or the examples differ in more than the lengths of axes.

    """
    batched = not given.options["no_batch_axis"]
    examples = given.examples if batched else tuple(map(as_batch, given.examples))
    for arrays in examples:
        sample_inputs.check(arrays)
    source = torch_source(
        module,
        examples[0],
        given.description,
        given.outputs,
        batched=batched,
        open_axes=opened(given.options["open_axis"] or (), examples, batched=batched),
    )
    if len(source.samples) > 1:
        given.report(f"inputs in the order of forward()'s parameters: {', '.join(source.samples)}")
    expected = given.expected if batched else tuple(map(as_batch, given.expected))
    others = tuple({name: arrays[name] for name in source.samples} for arrays in examples[1:])
    return replace(source, others=others, expected=expected, is_noise=given.is_noise)


def as_batch(sample: Arrays) -> Arrays:
    """Return a sample as a batch of one."""
    return {name: array[np.newaxis] for name, array in sample.items()}


def _first(batch: Arrays) -> Arrays:
    return {name: array[0] for name, array in batch.items()}


def check_second(source: Source, module: nn.Module, outputs: Sequence[str] | None = None) -> None:
    """Check that a second module, made like the source's, gives the same answer.

    Args:
        source: made by `torch_source`.
        module: made by the same factory, with the weights of the same checkpoint.
        outputs: as given to `torch_source`.

    Raises:
        ExportError: the answers differ: something that decides them is not in the checkpoint.

    """
    module, samples = bind(module, source.samples)
    example = take(samples, range(EXAMPLE_SIZE if source.batched else 1))
    run = partial(run_module, _evaluating(module), outputs)
    check_rebuilt(source.eager(example), (run if source.batched else one_by_one(run))(example))


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
