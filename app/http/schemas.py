"""The parts of the OpenAPI document that are the same for every model.

https://spec.openapis.org/oas/v3.1.0
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import Any, get_args

from app.http import problems
from app.http.head import MAX_DIGITS
from app.protocols.messages import JSON, OCTETS
from app.runtimes import Device
from app.serving.service import State
from app.signature import Datatype

_PROBLEM = {"content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}}}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which the request may be sent again.",
        "schema": {"type": "integer"},
    }
}


def _problem(description: str, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a response object
    return {"description": description, **_PROBLEM, **members}


def json_response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the response object of a JSON response with this schema."""
    return {"description": description, "content": {JSON: {"schema": schema}}}


def object_schema(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with these properties, all of them required."""
    return {"type": "object", "required": list(properties), "properties": properties}


_STRING = {"type": "string"}
_BOOLEAN = {"type": "boolean"}
_TRUE = {"type": "boolean", "const": True}
_NON_NEGATIVE = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_DATATYPE = {"type": "string", "enum": list(get_args(Datatype))}
_TENSORS = {
    "type": "array",
    "items": object_schema(
        name=_STRING, datatype=_DATATYPE, shape={"type": "array", "items": {"type": "integer", "minimum": -1}}
    ),
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    400: _problem("The body is malformed, or does not match the signature of the model."),
    408: _problem("The request did not arrive completely within the time limit."),
    413: _problem("The body, the picture or the batch is too large."),
    415: _problem("The model does not accept the content type or the content encoding."),
    500: _problem("The server failed; its log says why."),
    503: _problem("The model is being loaded, or too many requests are waiting.", headers=_RETRY_AFTER),
    504: _problem("The model did not answer before the deadline of the request."),
}
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same API key."},
}
UNAUTHORIZED = _problem(
    "The request has no API key, or a wrong one.",
    headers={
        "WWW-Authenticate": {"description": "How to send the key: RFC 6750.", "schema": {"type": "string"}}
    },
)
REFUSED_BY_HOOK = _problem("The model's own code does not accept the request; the detail says why.")
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: _problem("Not ready, or not live. The detail gives the state of the model.")
}
_HEALTH = object_schema(status={"type": "string", "enum": list(get_args(State))}, model=_STRING)
_HEALTH["properties"] |= {
    "device": {
        "type": "string",
        "enum": list(get_args(Device)),
        "description": "The device that computes; only if the model is loaded.",
    }
}
HEALTH: dict[int | str, dict[str, Any]] = {
    200: json_response("Ready, or live. The body gives the state, the model and its device.", _HEALTH),
    **_UNAVAILABLE,
}
LIVE: dict[int | str, dict[str, Any]] = {
    200: json_response("The server is live.", object_schema(live=_TRUE)),
    **_UNAVAILABLE,
}
READY: dict[int | str, dict[str, Any]] = {
    200: json_response("The server is ready.", object_schema(live=_TRUE, ready=_TRUE)),
    **_UNAVAILABLE,
}
SERVER_METADATA: dict[int | str, dict[str, Any]] = {
    200: json_response(
        "The name, the version and the supported extensions of the server.",
        object_schema(name=_STRING, version=_STRING, extensions={"type": "array", "items": _STRING}),
    )
}
UNKNOWN_MODEL: dict[int | str, dict[str, Any]] = {
    404: _problem("There is no such model or version. The detail lists the models that are served.")
}
MODEL_METADATA: dict[int | str, dict[str, Any]] = {
    200: json_response(
        "The inputs and outputs of the model, and its versions.",
        object_schema(
            name=_STRING,
            versions={"type": "array", "items": _STRING},
            platform=_STRING,
            inputs=_TENSORS,
            outputs=_TENSORS,
        ),
    ),
    **UNKNOWN_MODEL,
}
MODEL_READY: dict[int | str, dict[str, Any]] = {
    200: json_response("The model is ready.", object_schema(name=_STRING, ready=_TRUE)),
    **_UNAVAILABLE,
    **UNKNOWN_MODEL,
}

_DATA = {"type": "array", "description": "The values, as a flat list or nested according to the shape."}


def _nullable(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties that may also be null."""
    return {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}


def _parameters(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a `parameters` object; parameters of other names are allowed."""
    return {"type": "object", "properties": _nullable(**properties)}


def _tensor(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tensor with these optional properties."""
    tensor = object_schema(name=_STRING, shape={"type": "array", "items": _NON_NEGATIVE}, datatype=_DATATYPE)
    return {**tensor, "properties": {**tensor["properties"], **properties}}


_BINARY_SIZE = _parameters(
    binary_data_size={
        **_NON_NEGATIVE,
        "description": "Number of bytes of this tensor after the JSON; replaces data.",
    }
)
_INFER_INPUT = _tensor(_nullable(parameters=_BINARY_SIZE, data=_DATA))
_INFER_OUTPUT = object_schema(name=_STRING)
_INFER_OUTPUT["properties"] |= _nullable(
    parameters=_parameters(
        binary_data={**_BOOLEAN, "description": "Whether this output is returned as bytes after the JSON."}
    )
)
_INFER_REQUEST = object_schema(inputs={"type": "array", "items": _INFER_INPUT})
_INFER_REQUEST["properties"] |= _nullable(
    id=_STRING,
    parameters=_parameters(
        binary_data_output={**_BOOLEAN, "description": "The default of binary_data for all outputs."},
        timeout={
            **_NON_NEGATIVE,
            "description": "Microseconds after which the client stops waiting; 0 for no limit.",
        },
    ),
    outputs={
        "type": "array",
        "items": _INFER_OUTPUT,
        "description": "The outputs to return; all by default.",
    },
)
_INFER_RESPONSE = object_schema(
    model_name=_STRING,
    model_version=_STRING,
    outputs={"type": "array", "items": _tensor({"parameters": _BINARY_SIZE, "data": _DATA})},
)
_INFER_RESPONSE["properties"] |= {"id": {**_STRING, "description": "The id of the request, if it has one."}}


def path_parameter(name: str, values: list[str]) -> dict[str, Any]:
    """Return the path parameter of this name, with the values that are allowed."""
    return {"name": name, "in": "path", "required": True, "schema": {**_STRING, "enum": values}}


def _number_header(name: str, description: str) -> dict[str, Any]:
    number = {"type": "integer", "minimum": 0, "maximum": 10**MAX_DIGITS - 1}
    return {"name": name, "in": "header", "description": description, "schema": number}


DEADLINE = _number_header(
    "X-Envoy-Expected-Rq-Timeout-Ms",
    "Milliseconds after which the client stops waiting; the status is then 504.",
)
JSON_LENGTH = _number_header(
    "Inference-Header-Content-Length",
    "Number of bytes of JSON at the start of the body; all of them by default.",
)
BINARY = {"schema": {"type": "string", "format": "binary"}}


def infer_body() -> dict[str, Any]:
    """Return the request body object of an inference request."""
    binary = "JSON, as many bytes as Inference-Header-Content-Length says, followed by the binary tensors."
    content = {
        JSON: {"schema": _INFER_REQUEST},
        OCTETS: {"schema": {**BINARY["schema"], "description": binary}},
    }
    return {"required": True, "content": content}


def infer_response() -> dict[str, Any]:
    """Return the response object of an inference request that was successful."""
    return {
        "description": "The outputs. With binary outputs, the body has the same layout as a binary request.",
        "content": {JSON: {"schema": _INFER_RESPONSE}, OCTETS: BINARY},
    }
