"""Reads `signature.json` of an artifact: what the model takes and returns, as the export wrote it."""

import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from app.step_descriptions import StepDescriptions

FILE = "signature.json"

Datatype = Literal[
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
]
"""The tensor data types of the Open Inference Protocol that the runtimes support."""

SCORE_TYPES = ("FP", "INT")
"""The prefixes of the data types that scores may have."""

NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A DNS label (RFC 1123, section 2.1), because Kubernetes objects are named after the model."""

Pixels = Annotated[int, Field(ge=1)]


class ArtifactError(Exception):
    """The artifact cannot be served. The message says what is wrong."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Tensor(_Frozen):
    """An input or output of the model. If it is batched, the first axis of its shape is the batch, -1."""

    name: Annotated[str, Field(min_length=1)]
    datatype: Datatype
    shape: tuple[int, ...]
    batched: bool = True
    """Whether the first axis is the batch. Without a batch the shape is that of one sample."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample. -1 means any length."""
        return self.shape[1:] if self.batched else self.shape

    @property
    def sample_size(self) -> int | None:
        """How many values one sample has. None if an axis has any length."""
        return None if -1 in self.sample_shape else math.prod(self.sample_shape)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a sample may have this shape, which is without the batch axis."""
        return len(shape) == len(self.sample_shape) and all(
            expected in {-1, length} for expected, length in zip(self.sample_shape, shape, strict=True)
        )

    @model_validator(mode="after")
    def _check_shape(self) -> Self:
        if self.batched and self.shape[:1] != (-1,):
            raise ValueError(f"shape {list(self.shape)}: the first axis of a batched tensor is -1, the batch")
        if any(length < 1 and length != -1 for length in self.sample_shape):
            raise ValueError(f"shape {list(self.shape)}: the length of an axis is -1, or above 0")
        return self


class ImageInput(_Frozen):
    """How a picture becomes an input tensor."""

    input: str
    """The name of the input."""

    fit: Literal["crop", "squash", "letterbox"] = "crop"
    """How a picture gets the size of the input.

    `crop` keeps its middle, `squash` changes its proportions, and `letterbox` adds bars at its edges.
    """

    resize: Pixels | None = None
    """The length of the shorter side after resizing, in pixels. Only for `crop`."""

    crop: tuple[Pixels, Pixels]
    """The height and width of the input, in pixels."""

    fill: Annotated[int, Field(ge=0, le=255)] = 114
    """The value of the bars of `letterbox`, in all channels."""

    color: Literal["RGB", "BGR", "grey"] = "RGB"
    """The channels of the input, in their order."""

    datatype: Literal["FP32", "UINT8"] = "FP32"
    """The data type of the input. UINT8 holds the values of 0 to 255 as they are."""

    interpolation: Literal["bilinear", "bicubic", "lanczos"]
    layout: Literal["NCHW", "NHWC"]
    """The order of the axes: batch, channels, height, width; or batch, height, width, channels."""

    scale: FiniteFloat
    """The factor for values of 0 to 255. Then `mean` is subtracted, and the result is divided by `std`."""

    mean: tuple[FiniteFloat, ...]
    std: tuple[FiniteFloat, ...]
    """`mean` and `std` have a number for each channel, in the order of the channels."""

    @property
    def channels(self) -> int:
        """How many channels the input has."""
        return 1 if self.color == "grey" else 3

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input tensor, with -1 for the batch."""
        channels = self.channels
        return (-1, channels, *self.crop) if self.layout == "NCHW" else (-1, *self.crop, channels)

    @model_validator(mode="after")
    def _check_factors(self) -> Self:
        if 0 in (self.scale, *self.std):
            raise ValueError("scale and std must not be 0")
        if {len(self.mean), len(self.std)} != {self.channels}:
            raise ValueError(f"mean and std need {self.channels} numbers for {self.color}")
        if (self.resize is None) == (self.fit == "crop"):
            raise ValueError("resize belongs to the fit crop, which needs it, and to no other")
        if self.datatype == "UINT8" and (self.scale != 1 or any(self.mean) or {*self.std} != {1}):
            raise ValueError("UINT8 holds the values as they are: scale must be 1, mean 0 and std 1")
        return self


class Signature(_Frozen):
    """The name, version, tensors, labels and preprocessing of a model."""

    name: Annotated[str, Field(pattern=NAME)]
    version: str
    formats: tuple[str, ...]
    inputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    outputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    labels: tuple[str, ...] | None
    """The name of each class of the first output, whose shape is [-1, classes]. None for other models."""

    activation: Literal["softmax"] | None
    """The function that turns the first output into scores. None if the output holds scores already."""

    image: ImageInput | None
    """How a picture becomes the input. None if the model takes no pictures."""

    batchable: bool = True
    """Whether the outputs for a sample do not depend on the other samples in its batch."""

    steps: StepDescriptions | None = None
    """The steps before and after the model; None where there are none."""

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            raise ValueError(f"inputs and outputs must have different names; they are {', '.join(names)}")
        first = self.outputs[0]
        batched = {tensor.batched for tensor in (*self.inputs, *self.outputs)}
        if len(batched) > 1:
            raise ValueError("some tensors are batched and others are not; all must be, or none")
        if self.batchable and not self.batched:
            raise ValueError("batchable: tensors that are not batched cannot share a batch")
        if self.labels is None and self.activation is not None:
            raise ValueError(f"activation {self.activation}: it needs labels, and there are none")
        if self.labels is not None and (
            first.sample_shape != (len(self.labels),) or not first.datatype.startswith(SCORE_TYPES)
        ):
            raise ValueError(
                f"labels: {len(self.labels)} cannot name the classes of {first.name!r} {list(first.shape)} "
                f"{first.datatype}; they need [-1, {len(self.labels)}] of FP or INT numbers"
            )
        image = self.image
        if image is not None and self.steps is not None and self.steps.before is not None:
            raise ValueError(f"image: the step {self.steps.before.kind} takes no pictures")
        if image is not None:
            taken = [(tensor.name, tensor.datatype, tensor.shape) for tensor in self.inputs]
            if taken != [(image.input, image.datatype, image.shape)] or not self.batched:
                raise ValueError(
                    f"image: a picture becomes {image.input!r} {image.datatype} {list(image.shape)}, "
                    "and this must be the only input"
                )
        return self

    @property
    def batched(self) -> bool:
        """Whether the first axis of each tensor is the batch. Otherwise a request is one sample."""
        return self.inputs[0].batched

    @classmethod
    def read(cls, artifact: Path) -> Self:
        """Read the signature of an artifact folder.

        Raises:
            ArtifactError: the file is missing or wrong. The message names each wrong key.

        """
        file = artifact / FILE
        try:
            return cls.model_validate_json(file.read_bytes())
        except OSError as error:
            raise ArtifactError(
                f"{file}: {error.strerror}; SLIPWAY_MODEL_PATH must be an artifact folder"
            ) from None
        except ValidationError as error:
            problems = "; ".join(
                ": ".join([*filter(None, [".".join(map(str, problem["loc"]))]), problem["msg"]])
                for problem in error.errors()
            )
            raise ArtifactError(f"{file}: {problems}") from None
