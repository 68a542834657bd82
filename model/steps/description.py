"""The steps before and after the model, as `signature.json` describes them to the server."""

from dataclasses import dataclass, field
from typing import Literal

HOOKS_FILE, REQUIREMENTS_FILE, TOKENIZER_FILE = "hooks.py", "requirements.txt", "tokenizer.json"
"""Names in the folder `steps` of an artifact."""


@dataclass(frozen=True, kw_only=True)
class HooksStep:
    """The user's own functions `preprocess` and `postprocess`."""

    kind: Literal["hooks"] = "hooks"


@dataclass(frozen=True, kw_only=True)
class TokenizerStep:
    """Texts to tokens, by a `tokenizer.json`."""

    kind: Literal["tokenizer"] = "tokenizer"
    length: int
    """Most tokens of a text, the special tokens included. A longer text is cut off."""

    ids: str
    """The input that takes the tokens' numbers, of shape [-1, tokens]."""

    mask: str | None
    """The input that takes 1 for a token and 0 for padding."""

    types: str | None
    """The input that takes 0 for the first text of a pair and 1 for the second."""

    pad_id: int
    pad_type: int
    pad_side: Literal["left", "right"]
    pad_multiple: int


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    input: str
    """The input that takes it. The columns of an input are its second axis, in their order."""

    categories: tuple[str, ...] | None = None
    """The values that a column of categories may have: each becomes its index. None for any other column."""


@dataclass(frozen=True, kw_only=True)
class TableStep:
    """Rows, as objects by column name, to tensors."""

    kind: Literal["table"] = "table"
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class MeanPoolingStep:
    """The mean over the tokens of a text, those of the padding left out."""

    kind: Literal["mean_pooling"] = "mean_pooling"
    output: str
    mask: str
    normalize: bool


@dataclass(frozen=True, kw_only=True)
class TopKStep:
    """The classes with the highest scores of the first output."""

    kind: Literal["top_k"] = "top_k"
    k: int


@dataclass(frozen=True, kw_only=True)
class ThresholdStep:
    """All classes of the first output whose score is high enough."""

    kind: Literal["threshold"] = "threshold"
    minimum: float
    activation: Literal["sigmoid"] | None


@dataclass(frozen=True, kw_only=True)
class BoxesStep:
    """The boxes that non-maximum suppression keeps, for each class by itself."""

    kind: Literal["non_maximum_suppression"] = "non_maximum_suppression"
    boxes: str
    """An output of shape [-1, boxes, 4]."""

    scores: str
    scores_layout: Literal["boxes_first", "classes_first"] = "boxes_first"
    box_format: Literal["xyxy", "cxcywh"] = "xyxy"
    minimum: float = 0.25
    """The least score of a box."""

    overlap: float = 0.45
    """The most that two boxes of a class may overlap: their intersection divided by their union."""

    most: int = 100
    """Most boxes of a sample, those with the highest scores."""


@dataclass(frozen=True, kw_only=True)
class StepDescriptions:
    """All steps of a model."""

    before: HooksStep | TokenizerStep | TableStep | None = None
    """None where the body of /predict holds tensors or a picture."""

    after: tuple[HooksStep | MeanPoolingStep | TopKStep | ThresholdStep | BoxesStep, ...] = ()
    files: dict[str, str] = field(default_factory=dict[str, str])
    """The files in `steps/` that decide an answer, with their SHA-256 in hexadecimal digits."""
