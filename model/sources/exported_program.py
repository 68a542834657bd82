"""Make a source of a program of torch.export, a .pt2 file."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from model.errors import ExportError, quoted
from model.formats import onnx, torchscript
from model.formats.quiet import quiet
from model.samples import take
from model.signature import Arrays
from model.source import Format, Run, Source, in_order, one_by_one
from model.sources import declared
from model.sources.declared import Declared
from model.sources.kind import Given
from model.sources.module_answers import first_answer, named_outputs, tensors_of
from model.torch_program import Program, fingerprint_of

WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""https://docs.pytorch.org/docs/stable/notes/serialization.html: no pickle runs code while it is 1."""


def load(given: Given) -> Source:
    """Make a source of a file of torch.export.save. The axes that the program leaves open stay open.

    Raises:
        ExportError: the file cannot be read, or the examples do not fit it.

    """
    file: Path = given.model
    given.report(f"loading {file}")
    program = _read(file)
    inputs = _inputs(program, file)
    batched = not given.options["no_batch_axis"] and all(
        spec.shape[:1] == (None,) for spec in inputs.values()
    )
    groups = declared.examples(given, inputs, batched=batched)
    run = in_order(_runner(program, given), groups[0])
    eager = run if batched else one_by_one(run)
    example = take(groups[0], range(2 if batched else 1))
    answer = first_answer(eager, example, given.description.name)
    names, tensors = list(answer), tensors_of(example if batched else {k: v[0] for k, v in example.items()})
    return Source(
        description=given.description,
        eager=eager,
        samples=groups[0],
        others=groups[1:],
        expected=declared.expected(given, groups, names),
        fingerprint=fingerprint_of(program),
        formats=(
            Format(
                name="onnx",
                write=partial(
                    onnx.write, program=program, inputs=list(inputs), outputs=names, batched=batched
                ),
                load=partial(onnx.load, batched=batched),
            ),
            Format(
                name="torchscript",
                write=partial(torchscript.write, module=program.module(), example=tensors),
                load=partial(torchscript.load, inputs=list(inputs), outputs=names, batched=batched),
                by_default=False,
            ),
        ),
        batched=batched,
        open_axes=declared.open_axes(inputs, batched=batched),
        is_noise=given.is_noise,
    )


def _read(file: Path) -> Program:
    try:
        with quiet(), _weights_only():
            return torch.export.load(file)
    except Exception as error:
        # What is wrong with a file of this format raises errors of many types.
        raise ExportError(
            f"--exported-program {file}: not a file of torch.export.save that PyTorch {torch.__version__} "
            f"can read without running code from it ({quoted(error)})"
        ) from error


@contextmanager
def _weights_only() -> Generator[None]:
    """Let torch.export.load unpickle numbers alone: by itself it also takes pickles that run code."""
    before = os.environ.get(WEIGHTS_ONLY)
    os.environ[WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[WEIGHTS_ONLY]
        else:
            os.environ[WEIGHTS_ONLY] = before


def _inputs(program: Program, file: Path) -> dict[str, Declared]:
    wanted = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    found: dict[str, Declared] = {}
    for name in wanted:
        value = nodes[name].meta.get("val") if isinstance(name, str) else None
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ExportError(
                f"--exported-program {file}: it takes {name!r}, which is no tensor: export it again with "
                "tensors alone as arguments"
            )
        try:
            dtype = np.dtype(torch.empty(0, dtype=value.dtype).numpy().dtype)
        except TypeError:
            raise ExportError(
                f"--exported-program {file}: {name!r} is {value.dtype}, which no client can send: export the "
                "module again so that it takes float32"
            ) from None
        # Open axes have lengths of the type torch.SymInt.
        shape = tuple(None if isinstance(length, torch.SymInt) else length for length in value.shape)
        found[name] = Declared(dtype=dtype, shape=shape)
    return found


def _runner(program: Program, given: Given) -> Run:
    module = program.module()
    positional, keywords = cast(Any, program.call_spec.in_spec).children()
    count = positional.num_leaves

    def run(inputs: Arrays) -> Arrays:
        tensors = tensors_of(inputs)
        with torch.inference_mode():
            named: dict[str, Any] = dict(zip(keywords.context or (), tensors[count:], strict=True))
            return named_outputs(module(*tensors[:count], **named), given.outputs)

    return run
