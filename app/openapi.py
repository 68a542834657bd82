"""What /docs says, generated from the signature."""

from typing import Any, get_args

from app import photograph, problems
from app.service import Service, State
from app.signature import Signature, Tensor
from app.tensors import DTYPES

EXAMPLE_VALUES = 1000
"""A sample of more values is not shown: nobody reads it."""

_PROBLEM = {"content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is not JSON or a picture, or does not fit the signature.", **_PROBLEM},
    413: {"description": "The body, the picture or the batch is too large.", **_PROBLEM},
    415: {"description": "A content type that this model does not take.", **_PROBLEM},
    500: {"description": "The server failed.", **_PROBLEM},
    503: {
        "description": "The model is being loaded.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
        **_PROBLEM,
    },
}
_STATE = {
    "type": "object",
    "required": ["status", "model"],
    "properties": {
        "status": {"type": "string", "enum": list(get_args(State))},
        "model": {"type": "string"},
    },
}
LIVE: dict[int | str, dict[str, Any]] = {
    200: {"description": "It is so.", "content": {"application/json": {"schema": _STATE}}}
}
HEALTH: dict[int | str, dict[str, Any]] = {
    **LIVE,
    503: {"description": "Loading, or draining; the detail says which.", **_PROBLEM},
}


def description(signature: Signature) -> str:
    """Return the signature in words."""
    lines = [
        f"- {kind} `{tensor.name}`: {tensor.datatype} {list(tensor.shape)}"
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs))
        for tensor in tensors
    ]
    return f"Serves `{signature.name}`, version `{signature.version}`.\n\n" + "\n".join(lines)


def predict(service: Service) -> dict[str, Any]:
    """Return the request body and the answer of /predict as an OpenAPI operation."""
    signature = service.signature
    samples = {tensor.name: _samples(tensor, service.settings.batch_size) for tensor in signature.inputs}
    schema: dict[str, Any] = (
        next(iter(samples.values()))
        if len(samples) == 1
        else {
            "type": "object",
            "required": list(samples),
            "properties": samples,
            "additionalProperties": False,
        }
    )
    body: dict[str, Any] = {"application/json": {"schema": schema, **_example(service)}}
    if signature.image:
        body |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in photograph.FORMATS}
    answer = {
        "type": "object",
        "required": ["model_name", "model_version", "predictions"],
        "properties": {
            "model_name": {"type": "string", "const": signature.name},
            "model_version": {"type": "string", "const": signature.version},
            "predictions": {"type": "array", "items": _prediction(signature)},
        },
    }
    return {
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {
                "description": "A prediction a sample.",
                "content": {"application/json": {"schema": answer}},
            }
        },
    }


def _samples(tensor: Tensor, batch_size: int) -> dict[str, Any]:
    nested = _nested(tensor, tensor.sample_shape)
    forms = [nested]
    if tensor.sample_size is not None and len(tensor.sample_shape) != 1:
        forms.append(_nested(tensor, (tensor.sample_size,)))
    batches = [{"type": "array", "items": form, "minItems": 1, "maxItems": batch_size} for form in forms]
    return {
        "title": tensor.name,
        "description": "A sample, or a list of samples.",
        "anyOf": [*forms, *batches],
    }


def _nested(tensor: Tensor, shape: tuple[int, ...]) -> dict[str, Any]:
    kind = DTYPES[tensor.datatype].kind
    schema: dict[str, Any] = {"type": {"b": "boolean", "f": "number"}.get(kind, "integer")}
    for length in reversed(shape):
        bounds = {} if length == -1 else {"minItems": length, "maxItems": length}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _prediction(signature: Signature) -> dict[str, Any]:
    if signature.labels is None:
        return {"description": "The output as nested lists; an object by name where there are several."}
    scored = {"label": {"type": "string"}, "score": {"type": "number"}}
    top = {"type": "array", "items": {"type": "object", "properties": scored}}
    return {"type": "object", "required": [*scored, "top"], "properties": {**scored, "top": top}}


def _example(service: Service) -> dict[str, Any]:
    """Return the artifact's own sample, where it is short enough to read."""
    sample = service.artifact.inputs
    if sum(array.size for array in sample.values()) > EXAMPLE_VALUES:
        return {}
    lists = {name: array[0].tolist() for name, array in sample.items()}
    return {"example": lists if len(lists) > 1 else next(iter(lists.values()))}
