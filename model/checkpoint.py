"""A checkpoint: the weights of a module, read without running code."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from model.errors import ExportError, quoted

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training loops keep the weights, beside the optimizer's."""

FOREIGN = {
    ".onnx": "this is an ONNX model",
    ".keras": "this is a Keras model: write a SavedModel by model.export(DIR) and give --saved-model DIR",
    ".h5": "this is a Keras model: write a SavedModel by model.export(DIR) and give --saved-model DIR",
    ".pb": "this is a part of a SavedModel: give --saved-model with its folder",
    ".npz": "these are NumPy arrays",
}
"""Files of other kinds, by how their names end."""

PARALLEL = "module."
"""What torch.nn.DataParallel puts before each key."""


def load(module: nn.Module, file: Path) -> None:
    """Put a checkpoint's weights into a module.

    Weights alone are read (`weights_only`), never code. Common wrappings are undone: a dictionary with the
    weights under a key such as `state_dict`, and DataParallel's `module.` before each key.

    Raises:
        ExportError: there is no such file, it holds more than weights, or the keys or shapes differ.

    """
    _check_kind(file)
    try:
        with warnings.catch_warnings():
            # Said of a pickle that is then refused.
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ExportError(f"--checkpoint {file}: {error.strerror}") from None
    except pickle.UnpicklingError:
        # PyTorch's own words advise to read the file all the same.
        raise ExportError(
            f"--checkpoint {file}: not a file of weights alone, or a damaged one; nothing else is read, for "
            "it could run code. Save it with torch.save(module.state_dict(), ...)"
        ) from None
    except Exception as error:
        raise ExportError(
            f"--checkpoint {file}: not a file of weights, or a damaged one ({quoted(error)}). Save it with "
            "torch.save(module.state_dict(), ...)"
        ) from error
    own = module.state_dict()
    weights = _unwrapped(loaded, own, file)
    problems = [
        *(f"missing key: {key}" for key in own if key not in weights),
        *(f"unexpected key: {key}" for key in weights if key not in own),
        *(
            f"shape mismatch: {key} is {list(weights[key].shape)}, and {list(own[key].shape)} in the module"
            for key in own
            if key in weights and weights[key].shape != own[key].shape
        ),
    ]
    if problems:
        lines = "\n  ".join(problems)
        raise ExportError(f"--checkpoint {file} does not fit {type(module).__name__}:\n  {lines}")
    module.load_state_dict(weights)


def _check_kind(file: Path) -> None:
    """Refuse what is known to be another kind of file, with what makes a checkpoint of it."""
    if file.is_dir():
        raise ExportError(f"--checkpoint {file}: a folder; give the file with the weights in it")
    kind = _kind(file) if file.exists() else None
    if kind is not None:
        raise ExportError(f"--checkpoint {file}: {kind}")


def _kind(file: Path) -> str | None:
    with file.open("rb") as opened:
        start = opened.read(9)
    if file.suffix == ".safetensors" or (start[8:] == b"{" and start[5:8] == bytes(3)):
        if find_spec("safetensors") is not None:
            return None
        return (
            "these are weights as safetensors, and the package that reads them is not installed. Run "
            "`.venv/bin/pip install safetensors` and export again"
        )
    if file.suffix in FOREIGN:
        return (
            f"{FOREIGN[file.suffix]}, and a checkpoint is what torch.save(module.state_dict(), FILE) writes"
        )
    if not zipfile.is_zipfile(file):
        return None
    with zipfile.ZipFile(file) as archive:
        records = {name.partition("/")[2] for name in archive.namelist()}
    if "constants.pkl" in records:
        return (
            "this is TorchScript, a whole program. Its weights alone are a checkpoint: "
            "torch.save(torch.jit.load(FILE).state_dict(), 'weights.pt')"
        )
    if "archive_format" in records or any(record.startswith("models/") for record in records):
        return (
            "this is a program of torch.export. Its weights alone are a checkpoint: "
            "torch.save(dict(torch.export.load(FILE).state_dict), 'weights.pt')"
        )
    return None


def _unwrapped(loaded: object, own: Mapping[str, Any], file: Path) -> dict[str, torch.Tensor]:
    weights = loaded
    for wrapper in WRAPPERS:
        inner = cast(Mapping[str, object], weights).get(wrapper) if isinstance(weights, Mapping) else None
        weights = cast(object, inner) if isinstance(inner, Mapping) else weights
    if not isinstance(weights, Mapping):
        raise ExportError(
            f"--checkpoint {file}: holds a {type(loaded).__name__}; save it with "
            "torch.save(module.state_dict(), ...)"
        )
    entries = cast(Mapping[str, object], weights)
    if others := [str(key) for key, value in entries.items() if not isinstance(value, torch.Tensor)]:
        raise ExportError(
            f"--checkpoint {file}: no weights but something else under {', '.join(others)}; weights may lie "
            f"under {' or '.join(WRAPPERS)}"
        )
    tensors = cast(Mapping[str, torch.Tensor], entries)
    parallel = all(key.startswith(PARALLEL) for key in tensors)
    if parallel and not any(key.startswith(PARALLEL) for key in own):
        return {key.removeprefix(PARALLEL): value for key, value in tensors.items()}
    return dict(tensors)
