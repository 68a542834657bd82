"""The runtimes that compute models: each has a row in `table.toml` and a module of the same name.

The module has a function `load(folder, signature, device)`. It is imported only when its runtime is used.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pydantic import TypeAdapter

from app.signature import ArtifactError, Signature
from app.tensors import Arrays

Run = Callable[[Arrays], Arrays]
"""Computes a batch: takes the input tensors by name, and returns the output tensors by name.

It may be called from several threads at the same time. Each call computes on one thread. It may raise
InputRefused.
"""

Device = Literal["cpu", "gpu"]
"""What computes a model. A GPU is an NVIDIA GPU, used by CUDA."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A row of `table.toml`. The comment in that file explains each column."""

    format: str
    devices: tuple[Device, ...]
    platform: str
    requirements: str


TABLE = Path(__file__).with_name("table.toml")
RUNTIMES = TypeAdapter(dict[str, Runtime]).validate_python(tomllib.loads(TABLE.read_text()))
"""The runtimes, by the values that SLIPWAY_RUNTIME accepts."""

if TYPE_CHECKING:
    RuntimeName = str
else:
    # Pydantic checks values against this Literal. A type checker cannot read it, because it is computed.
    RuntimeName = Literal[tuple(RUNTIMES)]


class DeviceError(Exception):
    """The runtime cannot compute on a device: the device, its driver or its libraries are missing."""


class InputRefused(Exception):  # noqa: N818 - the request is at fault, not the program
    """The model cannot compute these values, though datatype and shape fit. An index may be too large."""

    detail = (
        "the model cannot compute these values, though their datatype and shape are right; "
        "an index may be beyond the end of its table"
    )
    """The message for the client."""

    certain = True
    """Whether the request is certainly the cause. If not, the runtime may be broken."""


class ShapeRefused(InputRefused):
    """The model cannot compute inputs of these shapes, though the signature allows any length for their axes.

    Examples: two inputs differ in length, or a layer cannot divide a length. The error of a runtime does not
    show whether the shapes or the runtime itself caused it.
    """

    certain = False

    def __init__(self, reason: str) -> None:
        """Create the error; `reason` is the message of the runtime."""
        super().__init__(reason)
        self.detail = f"the model cannot compute inputs of these shapes: {reason}"


def has_open_axes(signature: Signature) -> bool:
    """Tell whether any input has an axis of any length, besides the batch."""
    return any(tensor.sample_size is None for tensor in signature.inputs)


def load(artifact: Path, signature: Signature, runtime: str, device: Device) -> Run:
    """Load the model of an artifact.

    Args:
        artifact: the folder of the artifact.
        signature: the signature of the model.
        runtime: the runtime that loads the model, a key of `RUNTIMES`.
        device: the device that computes the model.

    Raises:
        ArtifactError: the artifact lacks the format of the runtime, or the runtime is not installed.
        DeviceError: the runtime cannot compute on this device.

    """
    row = RUNTIMES[runtime]
    folder = artifact / row.format
    if not folder.is_dir():
        raise ArtifactError(
            f"{folder} is missing: SLIPWAY_RUNTIME is {runtime}, "
            f"but the artifact was exported as {', '.join(signature.formats)}"
        )
    if device not in row.devices:
        others = " or ".join(name for name, other in RUNTIMES.items() if device in other.devices)
        raise DeviceError(f"{runtime} computes on {' or '.join(row.devices)} only; {others} can use {device}")
    try:
        module = import_module(f"app.runtimes.{runtime}")
    except ModuleNotFoundError as error:
        file = error.name if error.name == "torch" else row.requirements
        raise ArtifactError(
            f"SLIPWAY_RUNTIME={runtime} needs {error.name}: install app/requirements/{file}.txt"
        ) from None
    return cast(Callable[[Path, Signature, Device], Run], module.load)(folder, signature, device)
