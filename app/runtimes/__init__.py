"""One module a format, each with `load(folder, signature, device)`; imported where its format is served."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal, cast

from app.signature import ArtifactError, Signature
from app.tensors import Arrays

Run = Callable[[Arrays], Arrays]
"""Answers a batch: inputs by name to outputs by name.

May be called from several threads at once; each call computes on one thread. May raise InputRefused.
"""


Device = Literal["cpu", "gpu"]
"""What computes. A GPU is one of NVIDIA's, by CUDA."""


class DeviceError(Exception):
    """The runtime cannot compute on a device: there is none, or its driver or libraries are missing."""


class InputRefused(Exception):  # noqa: N818 - the request is at fault, not the program
    """The model cannot take these values, though datatype and shape fit: an index beyond a table, say."""

    told = (
        "the model cannot take these values, though datatype and shape are right; "
        "an index may lie beyond its table"
    )
    """What the client is told."""

    certain = True
    """Whether it is the request's fault for certain. Otherwise the runtime may be broken."""


class ShapeRefused(InputRefused):
    """The model cannot compute inputs of these shapes, though the signature leaves their axes open.

    Two inputs may differ in length, or a length may be none that a layer can divide. A runtime does not tell
    that from its own failure.
    """

    certain = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.told = f"the model cannot take inputs of these shapes: {reason}"


def has_open_axes(signature: Signature) -> bool:
    """Tell whether a client chooses an axis other than the batch."""
    return any(tensor.sample_size is None for tensor in signature.inputs)


def load(artifact: Path, signature: Signature, runtime: str, device: Device) -> Run:
    """Load an artifact's model in one format, to compute on one device.

    Raises:
        ArtifactError: the artifact lacks the format, or this image its runtime.
        DeviceError: the runtime cannot compute there.

    """
    folder = artifact / runtime
    if not folder.is_dir():
        raise ArtifactError(
            f"{folder} is missing: SLIPWAY_RUNTIME is {runtime}, "
            f"and the artifact was exported as {', '.join(signature.formats)}"
        )
    try:
        module = import_module(f"app.runtimes.{runtime}")
    except ModuleNotFoundError as error:
        file = error.name if error.name == "torch" else runtime
        raise ArtifactError(
            f"SLIPWAY_RUNTIME={runtime} needs {error.name}: install app/requirements/{file}.txt"
        ) from None
    return cast(Callable[[Path, Signature, Device], Run], module.load)(folder, signature, device)
