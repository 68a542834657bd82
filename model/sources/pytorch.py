"""Make a source of a PyTorch module."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn

from model import samples as sample_inputs
from model.behaviour import check_rebuilt, check_same
from model.binding import bind
from model.errors import ExportError, UsageError
from model.formats import onnx, torchscript
from model.lengths import opened
from model.samples import take
from model.signature import Arrays
from model.source import Description, Format, Report, Source, in_order, one_by_one
from model.sources.bfloat16 import to_float32
from model.sources.kind import Given
from model.sources.module_answers import EXAMPLE_SIZE, first_answer, run_module, tensors_of
from model.steps.tokenizer import TextTokenizer
from model.torch_program import NotFollowedError, fingerprint_of, fingerprint_of_trace, program_of


def torch_source(
    module: nn.Module,
    samples: Arrays,
    description: Description,
    outputs: Sequence[str] | None = None,
    *,
    batched: bool = True,
    open_axes: Mapping[str, tuple[int, ...]] | None = None,
    may_trace: bool = True,
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
        may_trace: whether the module is traced where torch.export cannot leave such an axis open.

    Raises:
        NotFollowedError: torch.export cannot leave an axis open, and the module may not be traced.
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
    identity, write = _onnx(description.name, module, tensors, axes, batched=batched, may_trace=may_trace)
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
    may_trace: bool,
) -> tuple[bytes, partial[None]]:
    """Return a module's fingerprint, and what writes it as ONNX."""
    try:
        program = program_of(name, module, example, axes)
    except NotFollowedError:
        if not may_trace or not any(set(numbers) - ({0} if batched else set()) for numbers in axes):
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
    _to_float32(module, examples[0], given.report, batched=batched)
    source = _source(module, examples, given, batched=batched)
    if len(source.samples) > 1:
        given.report(f"inputs in the order of forward()'s parameters: {', '.join(source.samples)}")
    expected = given.expected if batched else tuple(map(as_batch, given.expected))
    others = tuple({name: arrays[name] for name in source.samples} for arrays in examples[1:])
    return replace(source, others=others, expected=expected, is_noise=given.is_noise)


def _to_float32(module: nn.Module, example: Arrays, report: Report, *, batched: bool) -> None:
    bound, arrays = bind(module, take(example, range(EXAMPLE_SIZE if batched else 1)))
    to_float32(bound, tensors_of(arrays if batched else _first(arrays)), report)


def _source(module: nn.Module, examples: tuple[Arrays, ...], given: Given, *, batched: bool) -> Source:
    """Make a source whose open axes are those of the command line, or that of a tokenizer's tokens."""
    make = partial(torch_source, module, examples[0], given.description, given.outputs, batched=batched)
    axes = opened(given.options["open_axis"] or (), examples, batched=batched)
    steps = given.description.steps
    tokenizer = steps.before if steps else None
    if any(axes.values()) or not isinstance(tokenizer, TextTokenizer):
        return make(open_axes=axes)
    try:
        return make(open_axes=dict.fromkeys(tokenizer.names.values(), (1,)), may_trace=False)
    except ExportError as error:
        source = make()
        given.report(f"each text is padded to {tokenizer.step.length} tokens: {error}")
        return source


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
