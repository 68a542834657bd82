"""`signature.json` of an artifact: what the model takes and gives, as the export wrote it."""

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
"""Tensor data types of the Open Inference Protocol that the runtimes have."""

RANKED = ("FP", "INT")
"""How the data types begin whose values can be put in order, the largest first."""

NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A DNS label (RFC 1123): Kubernetes objects are named after the model."""

Pixels = Annotated[int, Field(ge=1)]


class ArtifactError(Exception):
    """The artifact cannot be served. The message says what is wrong with it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Tensor(_Frozen):
    """A named input or output. If it is batched, the first axis of its shape is the batch, -1."""

    name: Annotated[str, Field(min_length=1)]
    datatype: Datatype
    shape: tuple[int, ...]
    batched: bool = True
    """Whether the first axis is the batch. Without a batch the shape is that of one sample."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample; -1 where any length goes."""
        return self.shape[1:] if self.batched else self.shape

    @property
    def sample_size(self) -> int | None:
        """How many values one sample has; None where any length goes."""
        return None if -1 in self.sample_shape else math.prod(self.sample_shape)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether this is the shape of one sample."""
        return len(shape) == len(self.sample_shape) and all(
            want in {-1, have} for want, have in zip(self.sample_shape, shape, strict=True)
        )

    @model_validator(mode="after")
    def _batch_first(self) -> Self:
        if self.batched and self.shape[:1] != (-1,):
            raise ValueError(f"shape {list(self.shape)}: the first axis of a batched tensor is -1")
        if any(length < 1 and length != -1 for length in self.sample_shape):
            raise ValueError(f"shape {list(self.shape)}: the length of an axis is -1, or 1 or more")
        return self


class ImageInput(_Frozen):
    """How a photograph becomes an input tensor."""

    input: str
    resize: Pixels
    """Pixels of the shorter side."""

    crop: tuple[Pixels, Pixels]
    """Height and width in pixels."""

    interpolation: Literal["bilinear", "bicubic", "lanczos"]
    layout: Literal["NCHW", "NHWC"]
    scale: FiniteFloat
    mean: tuple[FiniteFloat, FiniteFloat, FiniteFloat]
    std: tuple[FiniteFloat, FiniteFloat, FiniteFloat]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the input that a photograph becomes, -1 for the batch."""
        return (-1, 3, *self.crop) if self.layout == "NCHW" else (-1, *self.crop, 3)

    @model_validator(mode="after")
    def _keeps_the_picture(self) -> Self:
        if 0 in (self.scale, *self.std):
            raise ValueError("scale and std must not be 0")
        return self


class Signature(_Frozen):
    """A model's name, version, tensors, labels and preprocessing."""

    name: Annotated[str, Field(pattern=NAME)]
    version: str
    formats: tuple[str, ...]
    inputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    outputs: Annotated[tuple[Tensor, ...], Field(min_length=1)]
    labels: tuple[str, ...] | None
    """Names for the classes of the first output, whose shape is [-1, classes]."""

    activation: Literal["softmax"] | None
    """What turns the first output into scores; None where it holds scores already."""

    image: ImageInput | None

    batchable: bool = True
    """Whether the answer to a sample is the same whatever other samples share its batch."""

    steps: StepDescriptions | None = None
    """The steps before and after the model; None where there are none."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            raise ValueError(f"inputs and outputs must have names of their own; they are {', '.join(names)}")
        first = self.outputs[0]
        batched = {tensor.batched for tensor in (*self.inputs, *self.outputs)}
        if len(batched) > 1:
            raise ValueError("some tensors are batched and others are not; all must be, or none")
        if self.batchable and not self.batched:
            raise ValueError("batchable: tensors that are not batched cannot share a batch")
        if self.labels is None and self.activation is not None:
            raise ValueError(f"activation {self.activation}: there are no labels to make scores for")
        if self.labels is not None and (
            first.sample_shape != (len(self.labels),) or not first.datatype.startswith(RANKED)
        ):
            raise ValueError(
                f"labels: {len(self.labels)} do not name the classes of {first.name!r} {list(first.shape)} "
                f"{first.datatype}; they need [-1, {len(self.labels)}] of FP or INT numbers"
            )
        image = self.image
        if image is not None and self.steps is not None and self.steps.before is not None:
            raise ValueError(f"image: the step {self.steps.before.kind} takes no pictures")
        if image is not None:
            taken = [(tensor.name, tensor.datatype, tensor.shape) for tensor in self.inputs]
            if taken != [(image.input, "FP32", image.shape)] or not self.batched:
                raise ValueError(
                    f"image: a photograph becomes {image.input!r} FP32 {list(image.shape)}, not the input"
                )
        return self

    @property
    def batched(self) -> bool:
        """Whether the first axis of each tensor is the batch. Otherwise a request is one sample."""
        return self.inputs[0].batched

    @classmethod
    def read(cls, artifact: Path) -> Self:
        """Read an artifact folder's signature.

        Raises:
            ArtifactError: there is none, or it does not say what it must; names each key.

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
