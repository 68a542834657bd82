"""The steps before and after the model, as `signature.json` describes them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Name = Annotated[str, Field(min_length=1)]


class _Step(BaseModel):
    # A key that this server does not know means that the artifact was made for a newer one.
    model_config = ConfigDict(frozen=True, extra="forbid")


class HooksStep(_Step):
    """The user's own functions `preprocess` and `postprocess`, in `steps/hooks.py`."""

    kind: Literal["hooks"]


class TokenizerStep(_Step):
    """Texts to tokens, by `steps/tokenizer.json`."""

    kind: Literal["tokenizer"]
    length: Annotated[int, Field(ge=1)]
    """Most tokens of a text, the special tokens included. A longer text is cut off."""

    ids: Name
    """The input that takes the tokens' numbers, of shape [-1, tokens]."""

    mask: Name | None
    """The input that takes 1 for a token and 0 for padding."""

    types: Name | None
    """The input that takes 0 for the first text of a pair and 1 for the second."""

    pad_id: Annotated[int, Field(ge=0)]
    pad_type: Annotated[int, Field(ge=0)]
    pad_side: Literal["left", "right"]
    pad_multiple: Annotated[int, Field(ge=1)]
    """The texts of a request are padded to a multiple of so many tokens."""


class Column(_Step):
    """A column of a table."""

    name: Name
    input: Name
    """The input that takes it. The columns of an input are its second axis, in their order."""

    categories: tuple[str, ...] | None
    """The values that a column of categories may have: each becomes its index. None for any other column."""


class TableStep(_Step):
    """Rows, as objects by column name, to tensors."""

    kind: Literal["table"]
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]


class MeanPoolingStep(_Step):
    """The mean over the tokens of a text, those of the padding left out."""

    kind: Literal["mean_pooling"]
    output: Name
    """An output of shape [-1, tokens, values]; [-1, values] takes its place."""

    mask: Name
    """The input that is 1 for a token and 0 for padding."""

    normalize: bool
    """Whether each mean is divided by its Euclidean length."""


class TopKStep(_Step):
    """The classes with the highest scores of the first output."""

    kind: Literal["top_k"]
    k: Annotated[int, Field(ge=1)]


class ThresholdStep(_Step):
    """All classes of the first output whose score is high enough; there may be none."""

    kind: Literal["threshold"]
    minimum: FiniteFloat
    activation: Literal["sigmoid"] | None
    """What turns the first output into scores; None where it holds scores already."""


class BoxesStep(_Step):
    """The boxes that non-maximum suppression keeps, for each class by itself."""

    kind: Literal["non_maximum_suppression"]
    boxes: Name
    """An output of shape [-1, boxes, 4]."""

    scores: Name
    """An output of shape [-1, boxes, classes] or [-1, classes, boxes], by `scores_layout`."""

    scores_layout: Literal["boxes_first", "classes_first"]
    box_format: Literal["xyxy", "cxcywh"]
    """Two corners, or the centre with width and height. The answer has corners."""

    minimum: FiniteFloat
    """The least score of a box."""

    overlap: Annotated[float, Field(ge=0, le=1)]
    """The most that two boxes of a class may overlap: their intersection divided by their union."""

    most: Annotated[int, Field(ge=1)]
    """Most boxes of a sample, those with the highest scores."""


BeforeStep = Annotated[HooksStep | TokenizerStep | TableStep, Field(discriminator="kind")]
AfterStep = Annotated[
    HooksStep | MeanPoolingStep | TopKStep | ThresholdStep | BoxesStep, Field(discriminator="kind")
]


class StepDescriptions(_Step):
    """All steps of a model."""

    before: BeforeStep | None = None
    """What turns the body of /predict into tensors; None where the body holds tensors or a picture."""

    after: tuple[AfterStep, ...] = ()
    """What turns the model's answer into the predictions, in this order."""

    files: dict[str, str]
    """The files in `steps/` that decide an answer, with their SHA-256 in hexadecimal digits."""
