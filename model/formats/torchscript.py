"""TorchScript, run by libtorch: https://docs.pytorch.org/docs/stable/jit.html."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from model.errors import ExportError, quoted
from model.formats.quiet import quiet
from model.signature import Arrays
from model.source import Run, one_by_one

FILE = "model.pt"
DEBUG_RECORDS = (".debug_pkl", "/.data/serialization_id")
"""Ends of the archive's records that only debugging needs: paths of this machine, and a hash over them."""


def write(folder: Path, *, module: nn.Module, example: tuple[torch.Tensor, ...]) -> None:
    """Trace a module, freeze it, and write it: weights become constants, batch norms fold into convolutions.

    Args:
        folder: an existing folder, which gets `model.pt`.
        module: in evaluation mode.
        example: its arguments, a batch of 2 or more.

    Raises:
        ExportError: the module cannot be traced.

    """
    saved = io.BytesIO()
    try:
        with quiet(), torch.inference_mode():
            # Not strict, so that a dictionary may be returned. The parity gate checks it, with other batches.
            traced = cast(Any, torch.jit.trace(module, example, strict=False, check_trace=False))
            torch.jit.save(torch.jit.freeze(traced), saved)
    except Exception as error:
        if training := [name or "the module" for name, part in module.named_modules() if part.training]:
            raise ExportError(
                f"torchscript: {', '.join(training)} stays in training mode after eval(): let train(mode) "
                "call super().train(mode), or export with --format onnx"
            ) from error
        raise ExportError(
            f"torchscript: the module cannot be traced: {quoted(error)}. Export with --format onnx, which "
            "supports torch.cond as well"
        ) from error
    copy(folder, saved)


def copy(folder: Path, saved: Path | io.BytesIO) -> None:
    """Write TorchScript without the records that only debugging needs.

    Args:
        folder: an existing folder, which gets `model.pt`.
        saved: a file of torch.jit.save.

    """
    with zipfile.ZipFile(folder / FILE, "w") as file:
        for name, content in records(saved):
            file.writestr(zipfile.ZipInfo(name), content)


def records(saved: Path | io.BytesIO) -> Iterator[tuple[str, bytes]]:
    """Yield the records of TorchScript that decide its answers, by name."""
    with zipfile.ZipFile(saved) as full:
        for name in full.namelist():
            if not name.endswith(DEBUG_RECORDS):
                yield name, full.read(name)


def load(folder: Path, *, inputs: Sequence[str], outputs: Sequence[str], batched: bool = True) -> Run:
    """Return a function that runs the TorchScript file in a folder.

    Args:
        folder: holds `model.pt`.
        inputs: names of the arguments, in their order.
        outputs: names of the results, in their order.
        batched: whether the first axis of each tensor is the batch; otherwise it takes batches of one.

    """
    with quiet():
        module = cast(Any, torch.jit.load(folder / FILE, map_location="cpu"))

    def run(arrays: Arrays) -> Arrays:
        with torch.inference_mode():
            # Copies: a module may change its input in place.
            answer = module(*(torch.tensor(arrays[name]) for name in inputs))
        parts = answer if isinstance(answer, (tuple, list)) else (answer,)
        if isinstance(answer, dict):
            parts = [answer[name] for name in outputs]
        return {name: part.numpy() for name, part in zip(outputs, cast(Any, parts), strict=True)}

    return run if batched else one_by_one(run)
