"""One's own model: a factory that makes the module, a checkpoint with its weights."""

import importlib
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from model.errors import ExportError

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training loops keep the weights, beside the optimizer's."""

PARALLEL = "module."
"""What torch.nn.DataParallel puts before each key."""


def make(factory: str) -> nn.Module:
    """Call `package.module:function`, found from the current directory, without arguments.

    Raises:
        ExportError: there is no such function, or it returns something else than a module.

    """
    where, _, name = factory.partition(":")
    try:
        function = getattr(importlib.import_module(where), name, None)
    except (ImportError, ValueError) as error:
        raise ExportError(
            f"--factory {factory}: {error}; it must be PACKAGE.MODULE:FUNCTION, importable from here"
        ) from None
    if not callable(function):
        raise ExportError(f"--factory {factory}: {where} has no function {name!r}")
    module = function()
    if not isinstance(module, nn.Module):
        raise ExportError(f"--factory {factory}: returned {type(module).__name__}, not a torch.nn.Module")
    return module


def load(module: nn.Module, file: Path) -> None:
    """Put a checkpoint's weights into a module.

    Weights alone are read (`weights_only`), never code. Common wrappings are undone: a dictionary with the
    weights under a key such as `state_dict`, and DataParallel's `module.` before each key.

    Raises:
        ExportError: there is no such file, it holds more than weights, or the keys or shapes differ.

    """
    try:
        with warnings.catch_warnings():
            # Said of a pickle that is then refused.
            warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ExportError(f"--checkpoint {file}: {error.strerror}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        # PyTorch's own words advise to read the file all the same.
        raise ExportError(
            f"--checkpoint {file}: not a file of weights alone, or a damaged one; nothing else is read, for "
            "it could run code. Save it with torch.save(module.state_dict(), ...)"
        ) from None
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
