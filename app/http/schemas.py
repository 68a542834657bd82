"""The parts of the OpenAPI document that are the same for every model.

https://spec.openapis.org/oas/v3.1.0
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import Any, get_args

from app.http import problems
from app.http.head import MOST_DIGITS
from app.protocols.messages import JSON, OCTETS
from app.runtimes import Device
from app.serving.service import State
from app.signature import Datatype

_PROBLEM = {"content": {problems.MEDIA_TYPE: {"schema": problems.SCHEMA}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def _problem(description: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a response object
    return {"description": description, **_PROBLEM, **more}


def json_response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a response in JSON."""
    return {"description": description, "content": {JSON: {"schema": schema}}}


def members(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


_STRING = {"type": "string"}
_BOOLEAN = {"type": "boolean"}
_TRUE = {"type": "boolean", "const": True}
_NATURAL = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_DATATYPE = {"type": "string", "enum": list(get_args(Datatype))}
_TENSORS = {
    "type": "array",
    "items": members(
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
REFUSED = _problem("The model's own code does not accept the request; the detail says why.")
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: _problem("Not ready, or not live; the detail says which state the model is in.")
}
_HEALTH = members(status={"type": "string", "enum": list(get_args(State))}, model=_STRING)
_HEALTH["properties"] |= {
    "device": {
        "type": "string",
        "enum": list(get_args(Device)),
        "description": "What computes, where the model is loaded.",
    }
}
HEALTH: dict[int | str, dict[str, Any]] = {
    200: json_response("Ready, or live. The body names the state, the model and its device.", _HEALTH),
    **_UNAVAILABLE,
}
LIVE: dict[int | str, dict[str, Any]] = {
    200: json_response("The server is live.", members(live=_TRUE)),
    **_UNAVAILABLE,
}
READY: dict[int | str, dict[str, Any]] = {
    200: json_response("The server is ready.", members(live=_TRUE, ready=_TRUE)),
    **_UNAVAILABLE,
}
SERVER_METADATA: dict[int | str, dict[str, Any]] = {
    200: json_response(
        "The server.",
        members(name=_STRING, version=_STRING, extensions={"type": "array", "items": _STRING}),
    )
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: _problem("No such model; the detail says which there are.")}
MODEL_METADATA: dict[int | str, dict[str, Any]] = {
    200: json_response(
        "The model.",
        members(
            name=_STRING,
            versions={"type": "array", "items": _STRING},
            platform=_STRING,
            inputs=_TENSORS,
            outputs=_TENSORS,
        ),
    ),
    **UNKNOWN,
}
MODEL_READY: dict[int | str, dict[str, Any]] = {
    200: json_response("The model answers.", members(name=_STRING, ready=_TRUE)),
    **_UNAVAILABLE,
    **UNKNOWN,
}

_DATA = {"type": "array", "description": "The values, flat or nested as the shape says."}


def _optional(**properties: dict[str, Any]) -> dict[str, Any]:
    return {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}


def _parameters(**known: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": _optional(**known)}


def _tensor(parameters: dict[str, Any]) -> dict[str, Any]:
    tensor = members(name=_STRING, shape={"type": "array", "items": _NATURAL}, datatype=_DATATYPE)
    return {**tensor, "properties": {**tensor["properties"], **parameters}}


_BINARY_SIZE = _parameters(
    binary_data_size={**_NATURAL, "description": "Bytes of the values after the JSON, in place of data."}
)
_INFER_INPUT = _tensor(_optional(parameters=_BINARY_SIZE, data=_DATA))
_INFER_OUTPUT = members(name=_STRING)
_INFER_OUTPUT["properties"] |= _optional(
    parameters=_parameters(
        binary_data={**_BOOLEAN, "description": "Whether this output goes after the JSON, as bytes."}
    )
)
_INFER_REQUEST = members(inputs={"type": "array", "items": _INFER_INPUT})
_INFER_REQUEST["properties"] |= _optional(
    id=_STRING,
    parameters=_parameters(
        binary_data_output={**_BOOLEAN, "description": "As binary_data, for all outputs that do not say."},
        timeout={**_NATURAL, "description": "Microseconds after which no answer is wanted; 0 for no limit."},
    ),
    outputs={"type": "array", "items": _INFER_OUTPUT, "description": "All, where none is named."},
)
_INFER_ANSWER = members(
    model_name=_STRING,
    model_version=_STRING,
    outputs={"type": "array", "items": _tensor({"parameters": _BINARY_SIZE, "data": _DATA})},
)
_INFER_ANSWER["properties"] |= {"id": {**_STRING, "description": "The request's, where it has one."}}


def in_path(name: str, values: list[str]) -> dict[str, Any]:
    """Return a parameter in the path, one of those values."""
    return {"name": name, "in": "path", "required": True, "schema": {**_STRING, "enum": values}}


def _header(name: str, description: str) -> dict[str, Any]:
    number = {"type": "integer", "minimum": 0, "maximum": 10**MOST_DIGITS - 1}
    return {"name": name, "in": "header", "description": description, "schema": number}


DEADLINE = _header("X-Envoy-Expected-Rq-Timeout-Ms", "Milliseconds after which no answer is wanted: 504.")
JSON_LENGTH = _header("Inference-Header-Content-Length", "How much of the body is JSON; all, by default.")
BINARY = {"schema": {"type": "string", "format": "binary"}}


def infer_body() -> dict[str, Any]:
    """Return the body of an inference request."""
    binary = "JSON of the length that Inference-Header-Content-Length gives, then the binary tensors."
    content = {
        JSON: {"schema": _INFER_REQUEST},
        OCTETS: {"schema": {**BINARY["schema"], "description": binary}},
    }
    return {"required": True, "content": content}


def infer_answer() -> dict[str, Any]:
    """Return the answer to it."""
    return {
        "description": "The outputs; with binary ones, octets as in the request.",
        "content": {JSON: {"schema": _INFER_ANSWER}, OCTETS: BINARY},
    }
