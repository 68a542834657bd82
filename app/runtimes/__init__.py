"""The runtimes that compute models: for each there is a row of `table.toml`, and a module of the same name.

A module has `load(folder, signature, device)`, and is imported only where its runtime is used.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from pydantic import TypeAdapter

from app.signature import ArtifactError, Signature
from app.tensors import Arrays

Run = Callable[[Arrays], Arrays]
"""Answers a batch: inputs by name to outputs by name.

May be called from several threads at once; each call computes on one thread. May raise InputRefused.
"""


Device = Literal["cpu", "gpu"]
"""What computes. A GPU is one of NVIDIA's, by CUDA."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A row of `table.toml`, which says what each column means."""

    format: str
    devices: tuple[Device, ...]
    platform: str
    requirements: str


TABLE = Path(__file__).with_name("table.toml")
RUNTIMES = TypeAdapter(dict[str, Runtime]).validate_python(tomllib.loads(TABLE.read_text()))
"""The runtimes by the names that SLIPWAY_RUNTIME takes."""

if TYPE_CHECKING:
    RuntimeName = str
else:
    # A type checker knows no Literal that is computed; Pydantic checks values by it.
    RuntimeName = Literal[tuple(RUNTIMES)]


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
    """Load an artifact's model by one runtime, to compute on one device.

    Args:
        artifact: the artifact's folder.
        signature: of the model.
        runtime: a key of `RUNTIMES`.
        device: what is to compute.

    Raises:
        ArtifactError: the artifact lacks the format that the runtime reads, or this image the runtime.
        DeviceError: the runtime cannot compute there.

    """
    row = RUNTIMES[runtime]
    folder = artifact / row.format
    if not folder.is_dir():
        raise ArtifactError(
            f"{folder} is missing: SLIPWAY_RUNTIME is {runtime}, "
            f"and the artifact was exported as {', '.join(signature.formats)}"
        )
    if device not in row.devices:
        others = " or ".join(name for name, other in RUNTIMES.items() if device in other.devices)
        raise DeviceError(
            f"{runtime} computes on {' or '.join(row.devices)} alone; {others} can use {device}"
        )
    try:
        module = import_module(f"app.runtimes.{runtime}")
    except ModuleNotFoundError as error:
        file = error.name if error.name == "torch" else row.requirements
        raise ArtifactError(
            f"SLIPWAY_RUNTIME={runtime} needs {error.name}: install app/requirements/{file}.txt"
        ) from None
    run = cast(Callable[[Path, Signature, Device], Run], module.load)(folder, signature, device)
    return run if signature.batched else partial(_run_one, run)


def _run_one(run: Run, batch: Arrays) -> Arrays:
    """Give a model without a batch axis the only sample of a batch, and return a batch of its answer."""
    answer = run({name: array.reshape(array.shape[1:]) for name, array in batch.items()})
    return {name: np.asarray(array)[np.newaxis] for name, array in answer.items()}
