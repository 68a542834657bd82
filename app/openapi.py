"""What /docs says, generated from the signature: https://spec.openapis.org/oas/v3.1.0."""

from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app import problems
from app.messages import JSON, OCTETS
from app.payload import INSTANCES
from app.predict import Predict
from app.service import PREDICT, Service, State
from app.signature import Datatype, Signature, Tensor
from app.tensors import DTYPES

EXAMPLE_VALUES = 1000
"""A sample of more values is not shown: nobody reads it."""

_PROBLEM = {"content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def _problem(description: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a response object
    return {"description": description, **_PROBLEM, **more}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


_STRING = {"type": "string"}
_BOOLEAN = {"type": "boolean"}
_TRUE = {"type": "boolean", "const": True}
_NATURAL = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_DATATYPE = {"type": "string", "enum": list(get_args(Datatype))}
_TENSORS = {
    "type": "array",
    "items": _object(
        name=_STRING, datatype=_DATATYPE, shape={"type": "array", "items": {"type": "integer", "minimum": -1}}
    ),
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    400: _problem("The body cannot be read, or does not fit the signature."),
    408: _problem("The request did not arrive in time."),
    413: _problem("The body, the picture or the batch is too large."),
    415: _problem("A content type or encoding that this model does not take."),
    500: _problem("The server failed."),
    503: _problem("The model is being loaded, or too many requests wait for it.", headers=_RETRY_AFTER),
    504: _problem("The request's deadline came before the model's answer."),
}
_NOT_SO: dict[int | str, dict[str, Any]] = {503: _problem("It is not; the detail says why.")}
HEALTH: dict[int | str, dict[str, Any]] = {
    200: _json("It is so.", _object(status={"type": "string", "enum": list(get_args(State))}, model=_STRING)),
    **_NOT_SO,
}
LIVE: dict[int | str, dict[str, Any]] = {200: _json("It is so.", _object(live=_TRUE)), **_NOT_SO}
READY: dict[int | str, dict[str, Any]] = {
    200: _json("It is so.", _object(live=_TRUE, ready=_TRUE)),
    **_NOT_SO,
}
SERVER_METADATA: dict[int | str, dict[str, Any]] = {
    200: _json(
        "The server.",
        _object(name=_STRING, version=_STRING, extensions={"type": "array", "items": _STRING}),
    )
}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: _problem("No such model; the detail says which there are.")}
MODEL_METADATA: dict[int | str, dict[str, Any]] = {
    200: _json(
        "The model.",
        _object(
            name=_STRING,
            versions={"type": "array", "items": _STRING},
            platform=_STRING,
            inputs=_TENSORS,
            outputs=_TENSORS,
        ),
    ),
    **_UNKNOWN,
}
MODEL_READY: dict[int | str, dict[str, Any]] = {
    200: _json("The model answers.", _object(name=_STRING, ready=_TRUE)),
    **_NOT_SO,
    **_UNKNOWN,
}

_DATA = {"type": "array", "description": "The values, flat or nested as the shape says."}


def _optional(**properties: dict[str, Any]) -> dict[str, Any]:
    return {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}


def _parameters(**known: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": _optional(**known)}


def _tensor(parameters: dict[str, Any]) -> dict[str, Any]:
    tensor = _object(name=_STRING, shape={"type": "array", "items": _NATURAL}, datatype=_DATATYPE)
    return {**tensor, "properties": {**tensor["properties"], **parameters}}


_BINARY_SIZE = _parameters(
    binary_data_size={**_NATURAL, "description": "Bytes of the values after the JSON, in place of data."}
)
_INFER_INPUT = _tensor(_optional(parameters=_BINARY_SIZE, data=_DATA))
_INFER_OUTPUT = _object(name=_STRING)
_INFER_OUTPUT["properties"] |= _optional(
    parameters=_parameters(
        binary_data={**_BOOLEAN, "description": "Whether this output goes after the JSON, as bytes."}
    )
)
_INFER_REQUEST = _object(inputs={"type": "array", "items": _INFER_INPUT})
_INFER_REQUEST["properties"] |= _optional(
    id=_STRING,
    parameters=_parameters(
        binary_data_output={**_BOOLEAN, "description": "As binary_data, for all outputs that do not say."},
        timeout={**_NATURAL, "description": "Microseconds after which no answer is wanted; 0 for no limit."},
    ),
    outputs={"type": "array", "items": _INFER_OUTPUT, "description": "All, where none is named."},
)
_INFER_ANSWER = _object(
    model_name=_STRING,
    model_version=_STRING,
    outputs={"type": "array", "items": _tensor({"parameters": _BINARY_SIZE, "data": _DATA})},
)
_INFER_ANSWER["properties"] |= {"id": {**_STRING, "description": "The request's, where it has one."}}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": _NATURAL}


_DEADLINE = _header("X-Envoy-Expected-Rq-Timeout-Ms", "Milliseconds after which no answer is wanted: 504.")
_JSON_LENGTH = _header("Inference-Header-Content-Length", "How much of the body is JSON; all, by default.")
_BINARY = {"schema": {"type": "string", "format": "binary"}}


class Document:
    """The OpenAPI document of the models that are served at this moment."""

    def __init__(self, api: FastAPI, service: Service) -> None:
        self._api = api
        self._service = service
        self._of = service.signature
        self._document: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        """Return it, made anew only where another model answers."""
        signature = self._service.signature
        if self._document is None or signature is not self._of:
            self._of, self._document = signature, _document(self._api, self._service)
        return self._document


def _document(api: FastAPI, service: Service) -> dict[str, Any]:
    signature = service.signature
    whole = get_openapi(
        title=signature.name,
        version=signature.version,
        description=description(signature),
        routes=api.routes,
    )
    for path, operations in whole["paths"].items():
        for operation in operations.values():
            # FastAPI's own error for a parameter, which a path of strings never has.
            operation["responses"].pop("422", None)
            if path.endswith("/infer"):
                operation["requestBody"] = _infer_body()
                operation["parameters"] += [_JSON_LENGTH, _DEADLINE]
                operation["responses"] |= {"200": _infer_answer(), "404": _UNKNOWN[404]}
    predict = whole["paths"][PREDICT]["post"]
    predict["parameters"] = [_DEADLINE]
    predict["requestBody"] = {"required": True, "content": _predict_body(service)}
    predict["responses"]["200"] = _predict_answer(signature)
    whole.get("components", {}).pop("schemas", None)
    return whole


def description(signature: Signature) -> str:
    """Return the signature in words."""
    lines = [
        f"- {kind} `{tensor.name}`: {tensor.datatype} {list(tensor.shape)}"
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs))
        for tensor in tensors
    ]
    return f"Serves `{signature.name}`, version `{signature.version}`.\n\n" + "\n".join(lines)


def _infer_body() -> dict[str, Any]:
    binary = "JSON of the length that Inference-Header-Content-Length gives, then the binary tensors."
    content = {
        JSON: {"schema": _INFER_REQUEST},
        OCTETS: {"schema": {**_BINARY["schema"], "description": binary}},
    }
    return {"required": True, "content": content}


def _infer_answer() -> dict[str, Any]:
    return {
        "description": "The outputs; with binary ones, octets as in the request.",
        "content": {JSON: {"schema": _INFER_ANSWER}, OCTETS: _BINARY},
    }


def _predict_body(service: Service) -> dict[str, Any]:
    signature = service.signature
    samples = {tensor.name: _samples(tensor, service.settings.batch_size) for tensor in signature.inputs}
    closed = {"additionalProperties": False}
    schema: dict[str, Any] = (
        next(iter(samples.values())) if len(samples) == 1 else {**_object(**samples), **closed}
    )
    instances = {**_object(**{INSTANCES: _instances(service)}), **closed}
    body: dict[str, Any] = {JSON: {"schema": {"anyOf": [schema, instances]}, **_example(service)}}
    others = [kind for kind in Predict().media_types(signature) if kind != JSON]
    return body | dict.fromkeys(others, _BINARY)


def _instances(service: Service) -> dict[str, Any]:
    inputs = service.signature.inputs
    one = (
        {"anyOf": _forms(inputs[0])}
        if len(inputs) == 1
        else {
            **_object(**{tensor.name: {"anyOf": _forms(tensor)} for tensor in inputs}),
            "additionalProperties": False,
        }
    )
    return {"type": "array", "items": one, "minItems": 1, "maxItems": service.settings.batch_size}


def _predict_answer(signature: Signature) -> dict[str, Any]:
    return _json(
        "A prediction a sample.",
        _object(
            model_name={"type": "string", "const": signature.name},
            model_version={"type": "string", "const": signature.version},
            predictions={"type": "array", "items": _prediction(signature)},
        ),
    )


def _samples(tensor: Tensor, batch_size: int) -> dict[str, Any]:
    forms = _forms(tensor)
    batches = [{"type": "array", "items": form, "minItems": 1, "maxItems": batch_size} for form in forms]
    return {
        "title": tensor.name,
        "description": "A sample, or a list of samples.",
        "anyOf": [*forms, *batches],
    }


def _forms(tensor: Tensor) -> list[dict[str, Any]]:
    """Return the forms of one sample: nested, and flat where that is another."""
    forms = [_nested(tensor, tensor.sample_shape)]
    if tensor.sample_size is not None and len(tensor.sample_shape) != 1:
        forms.append(_nested(tensor, (tensor.sample_size,)))
    return forms


def _nested(tensor: Tensor, shape: tuple[int, ...]) -> dict[str, Any]:
    kind = DTYPES[tensor.datatype].kind
    schema: dict[str, Any] = {"type": {"b": "boolean", "f": "number", "O": "string"}.get(kind, "integer")}
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
    sample = service.default.artifact.inputs
    if sum(array.size for array in sample.values()) > EXAMPLE_VALUES:
        return {}
    lists = {name: array[0].tolist() for name, array in sample.items()}
    return {"example": lists if len(lists) > 1 else next(iter(lists.values()))}
