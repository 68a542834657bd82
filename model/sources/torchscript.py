"""Make a source of a TorchScript file: traced or scripted, and saved by torch.jit.save."""

from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import nn

from model import samples as sample_inputs
from model.binding import bind
from model.errors import ExportError, quoted
from model.formats import torchscript
from model.formats.quiet import quiet
from model.lengths import opened
from model.samples import take
from model.source import Format, Source, one_by_one
from model.sources.kind import Given
from model.sources.module_answers import first_answer, run_module
from model.sources.pytorch import as_batch, check_examples
from model.version import fingerprint


def load(given: Given) -> Source:
    """Make a source of a TorchScript file, which becomes the artifact's without the records for debugging.

    Raises:
        UsageError: neither an example nor a shape of the input is given.
        ExportError: the file cannot be read, or the examples do not fit it.

    """
    check_examples(given)
    file: Path = given.model
    given.report(f"loading {file}")
    module = _read(file)
    batched = not given.options["no_batch_axis"]
    examples = given.examples if batched else tuple(map(as_batch, given.examples))
    for arrays in examples:
        sample_inputs.check(arrays)
    bound, samples = bind(module, examples[0])
    if bound is not module:
        raise ExportError(
            f"--torchscript {file}: the example leaves out an argument of forward() before others: give an "
            "array for each of them"
        )
    run = partial(run_module, module, given.outputs)
    eager = run if batched else one_by_one(run)
    answer = first_answer(eager, take(samples, range(2 if batched else 1)), given.description.name)
    given.report("a stack serves this file with the setting runtime: torchscript")
    return Source(
        description=given.description,
        eager=eager,
        samples=samples,
        others=tuple({name: arrays[name] for name in samples} for arrays in examples[1:]),
        expected=given.expected if batched else tuple(map(as_batch, given.expected)),
        fingerprint=fingerprint(
            "torchscript",
            ((name.partition("/")[2], "record", (), content) for name, content in torchscript.records(file)),
        ),
        formats=(
            Format(
                name="torchscript",
                write=partial(torchscript.copy, saved=file),
                load=partial(torchscript.load, inputs=list(samples), outputs=list(answer), batched=batched),
            ),
        ),
        batched=batched,
        open_axes=opened(given.options["open_axis"] or (), examples, batched=batched),
        can_open=True,
        is_noise=given.is_noise,
    )


def _read(file: Path) -> nn.Module:
    try:
        with quiet():
            return cast(nn.Module, torch.jit.load(file, map_location="cpu")).eval()
    except (RuntimeError, ValueError, OSError) as error:
        hint = "a file of weights alone goes with --factory and --checkpoint"
        raise ExportError(
            f"--torchscript {file}: not a file of torch.jit.save that PyTorch {torch.__version__} can read "
            f"({quoted(error)}); {hint}"
        ) from None
