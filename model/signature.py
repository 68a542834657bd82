"""`signature.json`: what goes into a model, what comes out, and how a photograph becomes an input.

Names follow the Open Inference Protocol's model metadata:
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from numpy.typing import NDArray

from model.errors import ExportError

Arrays = dict[str, NDArray[Any]]
"""Tensors by name. The first axis of each is the batch."""

FILE = "signature.json"
DATATYPES = {
    "bool": "BOOL",
    **{f"{kind}int{bits}": f"{kind.upper()}INT{bits}" for kind in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
}
"""The protocol's tensor data types, by NumPy's names."""

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label (RFC 1123): Kubernetes objects are named after the model."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A named input or output; -1 in its shape is the batch."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    @classmethod
    def like(cls, name: str, array: NDArray[Any]) -> Self:
        """Describe tensors of which an array is one, its first axis the batch.

        Raises:
            ExportError: the protocol has no such data type.

        """
        try:
            datatype = DATATYPES[str(array.dtype)]
        except KeyError:
            raise ExportError(
                f"tensor {name!r} is {array.dtype}, and the protocol knows {', '.join(DATATYPES)}"
            ) from None
        return cls(name=name, datatype=datatype, shape=(-1, *array.shape[1:]))


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """How a photograph becomes an input: resize the shorter side, crop the centre, scale, normalise."""

    input: str
    resize: int
    """Pixels of the shorter side."""

    crop: tuple[int, int]
    """Height and width in pixels."""

    interpolation: Literal["bilinear", "bicubic", "lanczos"]
    layout: Literal["NCHW", "NHWC"]
    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Refuse a crop beyond the picture.

        Raises:
            ExportError: the crop is larger than the shorter side.

        """
        if max(self.crop) > self.resize:
            raise ExportError(
                f"a shorter side of {self.resize} pixels cannot be cropped to {list(self.crop)}"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input that a photograph becomes, -1 for the batch."""
        return (-1, 3, *self.crop) if self.layout == "NCHW" else (-1, *self.crop, 3)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What an artifact says of itself. `version` is a hash of all that decides an answer."""

    name: str
    version: str
    formats: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    labels: tuple[str, ...] | None
    """Names for the last axis of the first output."""

    activation: Literal["softmax"] | None
    """What turns the first output into scores; None where it holds scores already."""

    image: ImageInput | None

    def __post_init__(self) -> None:
        """Refuse what a server could not serve.

        Raises:
            ExportError: a name, the labels or the image do not fit the rest.

        """
        if not NAME.fullmatch(self.name):
            raise ExportError(
                f"the name {self.name!r}: use small letters, digits and hyphens, as Kubernetes objects do"
            )
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            raise ExportError(f"tensors share a name ({', '.join(names)}): give inputs and outputs their own")
        first = self.outputs[0]
        classes = first.shape[-1]
        if self.labels is not None and len(self.labels) != classes:
            raise ExportError(
                f"there are {len(self.labels)} labels for {classes} classes of {first.name!r}: "
                "give one label a line, in the order of the classes"
            )
        shapes = {tensor.name: tensor.shape for tensor in self.inputs}
        if self.image is not None and shapes.get(self.image.input) != self.image.shape:
            raise ExportError(
                f"a photograph becomes {self.image.input!r} of shape {list(self.image.shape)}; "
                f"the model takes { ({name: list(shape) for name, shape in shapes.items()}) }"
            )

    def to_json(self) -> str:
        """Write the same signature as the same text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
