"""TorchScript, served by libtorch: https://docs.pytorch.org/docs/stable/jit.html."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from model.errors import ExportError, quoted
from model.formats.quiet import quiet
from model.signature import Arrays
from model.source import Run

FILE = "model.pt"
NOTES = (".debug_pkl", "/.data/serialization_id")
"""Records of the archive that only debugging needs: paths of this machine, and a hash over them."""


def write(folder: Path, *, module: nn.Module, example: tuple[torch.Tensor, ...]) -> None:
    """Trace a module and freeze it: weights become constants, batch norms fold into convolutions.

    Raises:
        ExportError: the module cannot be traced.

    """
    saved = io.BytesIO()
    try:
        with quiet(), torch.inference_mode():
            # Not strict: the answer may be a dictionary. Not checked: the parity gate does, on other batches.
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
            "serves torch.cond as well"
        ) from error
    with zipfile.ZipFile(saved) as full, zipfile.ZipFile(folder / FILE, "w") as file:
        for name in full.namelist():
            if not name.endswith(NOTES):
                file.writestr(zipfile.ZipInfo(name), full.read(name))


def load(folder: Path, *, inputs: Sequence[str], outputs: Sequence[str]) -> Run:
    """Return what runs the file, its outputs named in their order."""
    with quiet():
        module = cast(Any, torch.jit.load(folder / FILE, map_location="cpu"))

    def run(arrays: Arrays) -> Arrays:
        with torch.inference_mode():
            answer = module(*(torch.from_numpy(arrays[name]) for name in inputs))
        parts = answer if isinstance(answer, (tuple, list)) else (answer,)
        if isinstance(answer, dict):
            parts = [answer[name] for name in outputs]
        return {name: part.numpy() for name, part in zip(outputs, cast(Any, parts), strict=True)}

    return run
