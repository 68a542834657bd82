"""Load the weights of a module from a checkpoint file, without running code from that file."""

import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from model.errors import ExportError, quoted
from model.source import Report

WRAPPER_KEYS = ("state_dict", "model_state_dict", "model", "module", "net")
"""Keys under which training loops keep the weights, next to the optimizer's state."""

FOREIGN_SUFFIXES = {
    ".onnx": "this is an ONNX model: give --onnx FILE",
    ".keras": "this is a Keras model: give --keras FILE",
    ".h5": "this is a Keras model: give --keras FILE",
    ".pb": "this is a part of a SavedModel: give --saved-model with its folder",
    ".npz": "these are NumPy arrays",
}
"""Kinds of files that are no checkpoint, by the end of their names."""


def load(module: nn.Module, file: Path, report: Report) -> None:
    """Put a checkpoint's weights into a module.

    The file is read with `weights_only`: never code. Two common wrappings are undone: a dictionary with the
    weights under a key such as `state_dict`, and a prefix before every key, as DataParallel (`module.`),
    torch.compile (`_orig_mod.`) and Lightning (`model.`) put it there. Lightning also keeps what its loss and
    its metrics need: keys without the prefix are then left out.

    Args:
        module: gets the weights in place.
        file: written by `torch.save(module.state_dict(), file)` or by Lightning, or safetensors.
        report: is told which prefix is removed, and which keys are left out.

    Raises:
        ExportError: the file cannot be read or holds more than weights, or its keys, shapes or types differ
            from the module's. The message names every key.

    """
    _check_kind(file)
    own = module.state_dict()
    weights = _without_prefix(_unwrapped(_read(file), file), own, report)
    problems = list(_differences(weights, own))
    if problems:
        lines = "\n  ".join(problems)
        raise ExportError(f"--checkpoint {file} does not fit {type(module).__name__}:\n  {lines}")
    module.load_state_dict(weights)
    if meta := [name for name, tensor in module.state_dict().items() if tensor.is_meta]:
        raise ExportError(
            f"--checkpoint {file}: {', '.join(meta)} cannot take weights: the factory makes the module on "
            "the device 'meta', which holds no values; make it on the CPU"
        )


def _read(file: Path) -> object:
    try:
        if _is_safetensors(file):
            return _safetensors(file)
        with warnings.catch_warnings():
            # PyTorch warns of a pickle that it then refuses.
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            # Mapped, so that large weights are in memory once. Older files are no archive that can be.
            mapped = zipfile.is_zipfile(file)
            return torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
    except ExportError:
        raise
    except OSError as error:
        raise ExportError(f"--checkpoint {file}: {error.strerror}") from None
    except pickle.UnpicklingError:
        # PyTorch's own message advises to read the file with its code.
        raise ExportError(
            f"--checkpoint {file}: it is damaged, or holds more than weights, which is not read because it "
            "could run code. Save the weights alone by torch.save(module.state_dict(), ...)"
        ) from None
    except Exception as error:
        raise ExportError(
            f"--checkpoint {file}: not a file of weights, or a damaged one ({quoted(error)}). Save it with "
            "torch.save(module.state_dict(), ...)"
        ) from error


def _safetensors(file: Path) -> object:
    try:
        # By name, because it is in the environment only with PyTorch.
        safetensors = cast(Any, import_module("safetensors"))
        load_file = cast(Any, import_module("safetensors.torch")).load_file
    except ModuleNotFoundError:
        raise ExportError(
            f"--checkpoint {file}: these are weights as safetensors, and the package that reads them is not "
            "installed: `make pytorch` adds it"
        ) from None
    try:
        return load_file(file)
    except safetensors.SafetensorError as error:
        raise ExportError(
            f"--checkpoint {file}: damaged safetensors ({error}): copy the file again"
        ) from None


def _is_safetensors(file: Path) -> bool:
    """Tell safetensors by the length of their header: https://huggingface.co/docs/safetensors."""
    with file.open("rb") as opened:
        start = opened.read(9)
    return file.suffix == ".safetensors" or (start[8:] == b"{" and start[5:8] == bytes(3))


def _differences(weights: Mapping[str, torch.Tensor], own: Mapping[str, Any]) -> Iterator[str]:
    """Yield what does not fit, key by key."""
    yield from (f"missing key: {key}" for key in own if key not in weights)
    yield from (f"unexpected key: {key}" for key in weights if key not in own)
    for key, tensor in own.items():
        # A lazy module takes the shape of its first input or of its weights.
        if key not in weights or is_lazy(tensor):
            continue
        found = weights[key]
        if found.shape != tensor.shape:
            yield f"shape mismatch: {key} is {list(found.shape)}, and {list(tensor.shape)} in the module"
        # Quantized weights without their scale would be taken for numbers.
        if found.is_floating_point() != tensor.is_floating_point():
            yield f"type mismatch: {key} is {found.dtype}, and {tensor.dtype} in the module"


def _check_kind(file: Path) -> None:
    """Refuse a file of another kind, and say how to make a checkpoint of it."""
    if file.is_dir():
        raise ExportError(f"--checkpoint {file}: a folder; give the file with the weights in it")
    kind = _foreign_kind(file) if file.exists() else None
    if kind is not None:
        raise ExportError(f"--checkpoint {file}: {kind}")


def _foreign_kind(file: Path) -> str | None:
    if file.suffix in FOREIGN_SUFFIXES:
        return (
            f"{FOREIGN_SUFFIXES[file.suffix]}, and a checkpoint is a file written by "
            "torch.save(module.state_dict(), FILE)"
        )
    if not zipfile.is_zipfile(file):
        return None
    with zipfile.ZipFile(file) as archive:
        records = {name.partition("/")[2] for name in archive.namelist()}
    if "constants.pkl" in records:
        return (
            "this is TorchScript, a whole program: give --torchscript FILE. Its weights alone are a "
            "checkpoint: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pt')"
        )
    if "archive_format" in records or any(record.startswith("models/") for record in records):
        return (
            "this is a program of torch.export: give --exported-program FILE. Its weights alone are a "
            "checkpoint: torch.save(dict(torch.export.load(FILE).state_dict), 'weights.pt')"
        )
    return None


def _unwrapped(loaded: object, file: Path) -> Mapping[str, torch.Tensor]:
    """Return the weights, taken out of the dictionaries around them."""
    weights = loaded
    for key in WRAPPER_KEYS:
        inner = cast(Mapping[str, object], weights).get(key) if isinstance(weights, Mapping) else None
        weights = cast(object, inner) if isinstance(inner, Mapping) else weights
    if not isinstance(weights, Mapping):
        raise ExportError(
            f"--checkpoint {file}: holds a {type(loaded).__name__}; save it with "
            "torch.save(module.state_dict(), ...)"
        )
    entries = cast(Mapping[str, object], weights)
    if others := [str(key) for key, value in entries.items() if not isinstance(value, torch.Tensor)]:
        raise ExportError(
            f"--checkpoint {file}: something other than weights is under {', '.join(others)}. Weights may be "
            f"under {' or '.join(WRAPPER_KEYS)}; of a quantized module export the one that it was made from"
        )
    return cast(Mapping[str, torch.Tensor], entries)


def _without_prefix(
    weights: Mapping[str, torch.Tensor], own: Mapping[str, Any], report: Report
) -> dict[str, torch.Tensor]:
    """Remove the prefix of the keys, where all keys with the prefix are exactly those of the module."""
    prefixes = {key.removesuffix(next(iter(own), "")) for key in weights if key.endswith(next(iter(own), ""))}
    for prefix in sorted(prefixes, key=len):
        if prefix and {f"{prefix}{key}" for key in own} == {key for key in weights if key.startswith(prefix)}:
            report(f"the prefix {prefix!r} is removed from the checkpoint's keys")
            if others := [key for key in weights if not key.startswith(prefix)]:
                report(f"keys without it are left out: {', '.join(others)}")
            return {key: weights[f"{prefix}{key}"] for key in own}
    return dict(weights)
