"""What the OpenAPI document says about /predict of a model with steps: https://spec.openapis.org/oas/v3.1.0."""

from typing import Any

import numpy as np

from app.http.schemas import object_schema
from app.protocols.messages import JSON
from app.signature import Signature, Tensor
from app.step_descriptions import (
    AfterStep,
    BoxesStep,
    Column,
    HooksStep,
    MeanPoolingStep,
    TableStep,
    ThresholdStep,
    TokenizerStep,
)
from app.step_example import Example
from app.steps.table import ROWS
from app.steps.tokenizer import PAIR, TEXT
from app.tensors import DTYPES

_SCORED = object_schema(label={"type": "string"}, score={"type": "number"})
_ANY = {"description": "What the model's own code returns."}


def request_body(signature: Signature, example: Example | None, batch_size: int) -> dict[str, Any] | None:
    """Return the content of a request body; None where no step reads it."""
    before = None if signature.steps is None else signature.steps.before
    match before:
        case None:
            return None
        case TokenizerStep():
            schema = _texts(batch_size)
        case TableStep():
            schema = _rows(before, signature, batch_size)
        case HooksStep():
            schema: dict[str, Any] = {"description": "What the model's own code takes."}
    shown = {} if example is None else {"example": example.request}
    return {JSON: {"schema": schema, **shown}}


def predictions(signature: Signature) -> dict[str, Any] | None:
    """Return the schema of the predictions; None where they are those of a model without steps."""
    last = signature.steps.after[-1] if signature.steps and signature.steps.after else None
    return None if last is None else _made_by(last)


def asks(signature: Signature) -> str | None:
    """Return in words what a request holds; None where no step reads it."""
    before = None if signature.steps is None else signature.steps.before
    match before:
        case None:
            return None
        case TokenizerStep():
            return "A text, or a list of texts"
        case TableStep():
            return f"A row, or a list of rows: {', '.join(column.name for column in before.columns)}"
        case HooksStep():
            return "What the model's own code takes"


def _texts(batch_size: int) -> dict[str, Any]:
    texts = {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": batch_size},
        ]
    }
    schema = object_schema(**{TEXT: texts})
    schema["properties"][PAIR] = {**texts, "description": "A second text for each."}
    return {**schema, "additionalProperties": False}


def _rows(step: TableStep, signature: Signature, batch_size: int) -> dict[str, Any]:
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    row = {
        "type": "object",
        "properties": {column.name: _value(column, inputs[column.input]) for column in step.columns},
        "required": [c.name for c in step.columns if not _may_be_missing(inputs[c.input])],
        "minProperties": 1,
        "additionalProperties": False,
    }
    rows = object_schema(**{ROWS: {"type": "array", "items": row, "minItems": 1, "maxItems": batch_size}})
    return {"anyOf": [row, {**rows, "additionalProperties": False}]}


def _value(column: Column, tensor: Tensor) -> dict[str, Any]:
    dtype = DTYPES[tensor.datatype]
    if column.categories is not None:
        schema: dict[str, Any] = {"type": "string", "enum": list(column.categories)}
    elif dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        schema = {"type": "integer", "minimum": int(bounds.min), "maximum": int(bounds.max)}
    elif dtype.kind == "f":
        most = float(np.finfo(dtype).max)
        schema = {"type": "number", "minimum": -most, "maximum": most}
    else:
        schema = {"type": {"b": "boolean", "O": "string"}[dtype.kind]}
    return {"anyOf": [schema, {"type": "null"}]} if _may_be_missing(tensor) else schema


def _may_be_missing(tensor: Tensor) -> bool:
    return DTYPES[tensor.datatype].kind == "f"


def _made_by(step: AfterStep) -> dict[str, Any] | None:
    match step:
        case HooksStep():
            return _ANY
        case MeanPoolingStep():
            embedding = {"type": "array", "items": {"type": "number"}}
            return {"type": "array", "items": embedding, "description": "An embedding a text."}
        case ThresholdStep():
            return {"type": "array", "items": {"type": "array", "items": _SCORED}}
        case BoxesStep():
            box = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
            found = object_schema(label={"type": ["string", "integer"]}, score={"type": "number"}, box=box)
            return {"type": "array", "items": {"type": "array", "items": found}}
        case _:
            return None
