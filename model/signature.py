"""`signature.json`: a model's inputs and outputs, and how a photograph becomes an input.

Names follow the Open Inference Protocol's model metadata:
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import json
import math
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from numpy.typing import NDArray

from model.errors import ExportError
from model.steps.description import StepDescriptions

Arrays = dict[str, NDArray[Any]]
"""Tensors by name. The first axis of each is the batch."""

FILE = "signature.json"
DATATYPES = {
    "bool": "BOOL",
    **{f"{kind}int{bits}": f"{kind.upper()}INT{bits}" for kind in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    "str": "BYTES",
}
"""The protocol's tensor data types, by NumPy's names; `str` stands for strings of any length."""

RANKED = ("FP", "INT")
"""Prefixes of the data types whose values a server can sort."""

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label (RFC 1123): Kubernetes objects are named after the model."""


def datatype_of(array: NDArray[Any]) -> str | None:
    """Return the protocol's data type of an array; None if it has none."""
    return DATATYPES.get("str" if array.dtype.kind == "U" else str(array.dtype))


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A named input or output. If it is batched, the first axis of its shape is the batch, -1."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    batched: bool = True
    """Whether the first axis is the batch. Without a batch the shape is that of one sample."""

    def __post_init__(self) -> None:
        """Refuse a tensor that no request could hold.

        Raises:
            ExportError: the name is empty, the data type is unknown, or the shape has no batch or no values.

        """
        if not self.name:
            raise ExportError("a tensor has no name: give each input and output a name")
        if self.datatype not in DATATYPES.values():
            raise ExportError(
                f"tensor {self.name!r} is {self.datatype}; it must be {', '.join(DATATYPES.values())}"
            )
        if self.batched and self.shape[:1] != (-1,):
            raise ExportError(
                f"tensor {self.name!r} has the shape {list(self.shape)}: the first axis must be the batch, -1"
            )
        if any(length < 1 and length != -1 for length in self.sample_shape):
            raise ExportError(
                f"tensor {self.name!r} has the shape {list(self.shape)}: each axis must hold one value or "
                "more, or be open, -1"
            )

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample; -1 where any length goes."""
        return self.shape[1:] if self.batched else self.shape

    @classmethod
    def from_array(
        cls, name: str, array: NDArray[Any], *, open_axes: Collection[int] = (), batched: bool = True
    ) -> Self:
        """Describe a tensor by an example of it.

        Args:
            name: the tensor's name.
            array: an example, its first axis the batch, of one sample if the tensor is not batched.
            open_axes: axes of the array that may have any length, beside the batch.
            batched: whether the first axis of the tensor is the batch.

        Raises:
            ExportError: the Open Inference Protocol has no such data type.

        """
        datatype = datatype_of(array)
        if datatype is None:
            raise ExportError(
                f"tensor {name!r} is {array.dtype}, and a client can send and take {', '.join(DATATYPES)}: "
                "convert it inside the model"
            )
        lengths = tuple(-1 if axis in open_axes else length for axis, length in enumerate(array.shape))
        shape = (-1, *lengths[1:]) if batched else lengths[1:]
        return cls(name=name, datatype=datatype, shape=shape, batched=batched)


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """How a photograph becomes an input: resize the shorter side, crop the centre, scale, normalise.

    A value of the input is (pixel * scale - mean) / std, with pixels from 0 to 255 and a mean and a std for
    each of red, green and blue.
    """

    input: str
    """Name of the input tensor, FP32 of shape [-1, 3, height, width] or [-1, height, width, 3]."""

    fit: Literal["crop", "squash", "letterbox"] = "crop"
    """`crop` keeps the middle, `squash` changes the proportions, and `letterbox` adds bars at the edges."""

    resize: int | None = None
    """Pixels of the shorter side after resizing; for `crop` alone."""

    crop: tuple[int, int]
    """Height and width of the input in pixels."""

    fill: int = 114
    """The value of the bars of `letterbox`."""

    color: Literal["RGB", "BGR", "grey"] = "RGB"
    """The channels of the input, in their order."""

    datatype: Literal["FP32", "UINT8"] = "FP32"
    """UINT8 holds the values of 0 to 255 as they are."""

    interpolation: Literal["bilinear", "bicubic", "lanczos"]
    layout: Literal["NCHW", "NHWC"]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    """`mean` and `std` have a number for each channel, in the order of the channels."""

    def __post_init__(self) -> None:
        """Refuse numbers that would destroy the picture.

        Raises:
            ExportError: a length is below 1, a number is not finite, or `scale` or a `std` is 0.

        """
        if (self.resize is None) == (self.fit == "crop"):
            raise ExportError("image: resize belongs to the fit crop, which needs it, and to no other")
        if {len(self.mean), len(self.std)} != {self.channels}:
            raise ExportError(f"image: mean and std need {self.channels} numbers for {self.color}")
        if not 0 <= self.fill <= 255:
            raise ExportError(f"image: fill is {self.fill}; give a value of 0 to 255")
        if self.datatype == "UINT8" and (self.scale != 1 or any(self.mean) or {*self.std} != {1}):
            raise ExportError("image: UINT8 holds the values as they are: scale must be 1, mean 0 and std 1")
        if min(self.resize or 1, *self.crop) < 1 or self.resize == 0:
            raise ExportError(
                f"image: resize is {self.resize} and crop {list(self.crop)}; give pixels, 1 or more"
            )
        if not all(map(math.isfinite, (self.scale, *self.mean, *self.std))) or 0 in (self.scale, *self.std):
            raise ExportError(
                f"image: scale is {self.scale}, mean {list(self.mean)} and std {list(self.std)}; "
                "give finite numbers, and none that is 0 as scale or std"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input that a photograph becomes, -1 for the batch."""
        channels = self.channels
        return (-1, channels, *self.crop) if self.layout == "NCHW" else (-1, *self.crop, channels)

    @property
    def channels(self) -> int:
        """How many channels the input has."""
        return 1 if self.color == "grey" else 3


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The content of `signature.json`. `version` is a hash of everything that decides an answer."""

    name: str
    version: str
    formats: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    labels: tuple[str, ...] | None
    """Names for the classes of the first output, whose shape is [-1, classes]."""

    activation: Literal["softmax"] | None
    """Turns the first output into scores; None if it holds scores already."""

    image: ImageInput | None

    batchable: bool = True
    """Whether the answer to a sample is the same whatever other samples share its batch."""

    steps: StepDescriptions | None = None
    """The steps before and after the model; None where there are none."""

    def __post_init__(self) -> None:
        """Refuse a signature that the server would refuse.

        Raises:
            ExportError: a name is not allowed, or the labels or the image do not fit the tensors.

        """
        if not NAME.fullmatch(self.name):
            raise ExportError(
                f"the name {self.name!r} is not allowed: use small letters, digits and hyphens, as "
                "Kubernetes objects do"
            )
        if not self.inputs or not self.outputs:
            raise ExportError("a model needs one input or more, and one output or more")
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            raise ExportError(
                f"tensors share a name ({', '.join(names)}): give each its own, by --input-name, "
                "--output-name or in the model"
            )
        if len({tensor.batched for tensor in (*self.inputs, *self.outputs)}) > 1:
            raise ExportError("some tensors are batched and others are not: all must be, or none")
        if self.batchable and not self.inputs[0].batched:
            raise ExportError("a model without a batch axis cannot be batchable")
        self._check_labels(self.outputs[0])
        image = self.image
        if image is not None and self.steps is not None and self.steps.before is not None:
            raise ExportError(f"image: the step {self.steps.before.kind} takes no pictures; give one of them")
        if image is not None:
            inputs = [(tensor.name, tensor.datatype, tensor.shape) for tensor in self.inputs]
            if inputs != [(image.input, image.datatype, image.shape)] or not self.inputs[0].batched:
                found = ", ".join(f"{name!r} {kind} {list(shape)}" for name, kind, shape in inputs)
                raise ExportError(
                    f"image: a photograph becomes {image.input!r} {image.datatype} {list(image.shape)}, "
                    f"and must be the only input; the model takes {found}. Change the image's input, crop, "
                    "color, datatype or layout, or do the rest inside the model"
                )

    def _check_labels(self, first: Tensor) -> None:
        if self.labels is None:
            if self.activation is not None:
                raise ExportError(
                    f"activation {self.activation}: it makes scores for labels, and there are none; give "
                    "--labels as well, or put the activation into the model"
                )
            return
        count = len(self.labels)
        if len(first.sample_shape) == 1 and count != first.sample_shape[0]:
            raise ExportError(
                f"there are {count} labels for {first.sample_shape[0]} classes of {first.name!r}: "
                "give one label a line, in the order of the classes"
            )
        if first.sample_shape != (count,):
            wanted = [-1, count] if first.batched else [count]
            raise ExportError(
                f"labels: {count} cannot name the classes of {first.name!r} {list(first.shape)}, which must "
                f"be {wanted}: one score for each class. Leave --labels out, or return the scores first"
            )
        if not first.datatype.startswith(RANKED):
            raise ExportError(
                f"labels: {first.name!r} is {first.datatype}, and scores must be FP or INT numbers: return "
                "them as floating point, or leave --labels out"
            )

    def to_json(self) -> str:
        """Return the signature as JSON with sorted keys: the same signature is the same text.

        `batched` is written where it is false, `steps` where there are some, and a key of `image` where it is
        not the default, so that an artifact from before these were known keeps its version.
        """
        content = asdict(self)
        if self.image is not None:
            defaults = {entry.name: entry.default for entry in fields(ImageInput)}
            content["image"] = {
                key: value for key, value in content["image"].items() if value != defaults[key]
            }
        for tensor in (*content["inputs"], *content["outputs"]):
            if tensor["batched"]:
                del tensor["batched"]
        if self.steps is None:
            del content["steps"]
        return json.dumps(content, indent=1, sort_keys=True) + "\n"
