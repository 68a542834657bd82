"""Reads an artifact folder: its signature, and a sample with the outputs of the model at export."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.signature import ArtifactError, Signature, Tensor
from app.tensors import DTYPES, Arrays

SAMPLE = "sample.npz"
"""The file with the inputs and outputs of the sample, by tensor name."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What an artifact folder holds, except the model itself: a runtime reads that."""

    path: Path
    signature: Signature
    inputs: Arrays
    """The input tensors of one sample by name, each of shape [1, ...]."""

    outputs: Arrays
    """The output tensors of the model for that sample at export, each of shape [1, ...]."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an artifact folder.

        Raises:
            ArtifactError: a file is missing, or the sample does not fit the signature.

        """
        signature = Signature.read(path)
        file = path / SAMPLE
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as loaded:
                # The export stores strings in NumPy's own string type, because objects would need pickle.
                sample: Arrays = {
                    name: array.astype(np.object_) if array.dtype.kind == "U" else array
                    for name, array in loaded.items()
                }
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ArtifactError(f"{file}: {error}") from None
        return cls(
            path=path,
            signature=signature,
            inputs={tensor.name: _tensor_of(sample, tensor, file) for tensor in signature.inputs},
            outputs={tensor.name: _tensor_of(sample, tensor, file) for tensor in signature.outputs},
        )


def _tensor_of(sample: Arrays, tensor: Tensor, file: Path) -> NDArray[Any]:
    array = sample.get(tensor.name)
    if (
        array is None
        or array.dtype != DTYPES[tensor.datatype]
        or array.shape[:1] != (1,)
        or not tensor.fits(array.shape[1:])
    ):
        held = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
        raise ArtifactError(
            f"{file}: {tensor.name!r} is {held}; "
            f"the signature says {tensor.datatype} {[1, *tensor.sample_shape]}"
        )
    return array
