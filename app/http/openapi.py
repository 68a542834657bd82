"""The OpenAPI document, generated from the signature: https://spec.openapis.org/oas/v3.1.0."""

import re
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.artifact import Artifact
from app.http import schemas, step_schemas
from app.http.admission import raw_samples_within
from app.http.routes import PREDICT_PATH, PROBE_PATHS
from app.protocols.messages import JSON
from app.protocols.payload import INSTANCES, SERVING_DEFAULT, SIGNATURE_NAME
from app.protocols.predict_protocol import PredictProtocol
from app.serving.service import Service
from app.signature import Signature, Tensor
from app.tensors import DTYPES

MAX_EXAMPLE_VALUES = 1000
"""Maximum number of values of a sample that is shown as an example; a longer one is unreadable."""


class Document:
    """The OpenAPI document of the models that are served now."""

    def __init__(self, api: FastAPI, service: Service) -> None:
        self._api = api
        self._service = service
        self._content: dict[str, Any] | None = None
        self._json = b""
        service.on_models_changed.append(self._invalidate)

    def __call__(self) -> dict[str, Any]:
        """Return the document. It is generated anew only after the served models have changed."""
        if self._content is None:
            self._content = _generate(self._api, self._service)
            self._json = orjson.dumps(self._content)
        return self._content

    def json(self) -> bytes:
        """Return the document as JSON."""
        self()
        return self._json

    def _invalidate(self) -> None:
        self._content = None


def _generate(api: FastAPI, service: Service) -> dict[str, Any]:
    signature = service.signature
    document = get_openapi(
        title=signature.name,
        version=signature.version,
        description=description(signature),
        routes=api.routes,
        servers=[{"url": root_path}] if (root_path := service.settings.root_path) else None,
    )
    path_values = {
        "name": sorted({model.signature.name for model in service.models}),
        "version": sorted({model.signature.version for model in service.models}),
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["parameters"] = [
                schemas.path_parameter(name, path_values[name]) for name in re.findall(r"{(\w+)}", path)
            ]
            if path.endswith("/infer"):
                operation["requestBody"] = schemas.infer_body()
                operation["parameters"] += [schemas.JSON_LENGTH, schemas.DEADLINE]
                operation["responses"] |= {
                    "200": schemas.infer_response(),
                    "404": schemas.UNKNOWN_MODEL[404],
                }
    predict = document["paths"][PREDICT_PATH]["post"]
    predict["parameters"] += [schemas.DEADLINE]
    predict["requestBody"] = {"required": True, "content": _predict_body(service)}
    predict["responses"]["200"] = _predict_response(signature)
    if signature.steps is not None:
        predict["responses"]["422"] = schemas.REFUSED_BY_HOOK
    if service.api_keys is not None:
        _add_security(document)
    return document


def _add_security(document: dict[str, Any]) -> None:
    """Add the API key, which may be sent in either of two headers, to all operations that need it."""
    document["components"] = {**document.get("components", {}), "securitySchemes": schemas.SECURITY_SCHEMES}
    document["security"] = [{name: []} for name in schemas.SECURITY_SCHEMES]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.encode() in PROBE_PATHS:
                operation["security"] = []
            else:
                operation["responses"] |= {"401": schemas.UNAUTHORIZED}


def description(signature: Signature) -> str:
    """Return the description of the document: the model, its inputs and its outputs, in Markdown."""
    lines = [
        f"- {kind} `{tensor.name}`: {tensor.datatype} {list(tensor.shape)}"
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs))
        for tensor in tensors
    ]
    return f"Serves `{signature.name}`, version `{signature.version}`.\n\n" + "\n".join(lines)


def _predict_body(service: Service) -> dict[str, Any]:
    """Return the content of the request body of /predict, by media type."""
    signature = service.signature
    batch_size = service.settings.batch_size
    of_steps = step_schemas.request_body(signature, service.default_model.artifact.example, batch_size)
    if of_steps is not None:
        return of_steps
    inputs = {tensor.name: _sample_or_batch(tensor, batch_size) for tensor in signature.inputs}
    closed = {"additionalProperties": False}
    instances: dict[str, Any] = {**schemas.object_schema(**{INSTANCES: _instances(service)}), **closed}
    instances["properties"][SIGNATURE_NAME] = {"type": "string", "const": SERVING_DEFAULT}
    forms = [{**schemas.object_schema(**inputs), **closed}, instances]
    if len(inputs) == 1:
        forms = [*inputs.values(), *forms]
    content: dict[str, Any] = {JSON: {"schema": {"anyOf": forms}}}
    if (sample := example(service.default_model.artifact)) is not None:
        content[JSON]["example"] = sample
    binary_types = [
        media_type for media_type in PredictProtocol().media_types(signature) if media_type != JSON
    ]
    return content | dict.fromkeys(binary_types, _binary_body(service))


def _binary_body(service: Service) -> dict[str, Any]:
    """Return the media type object of a body of raw values or of a picture, with its limits."""
    settings = service.settings
    limits = f"At most {settings.max_body_bytes} bytes"
    if (samples := raw_samples_within(settings.max_body_bytes, service.signature)) is not None:
        limits += f", so at most {min(samples, settings.batch_size)} samples as raw values"
    return {"schema": {**schemas.BINARY["schema"], "description": f"{limits}."}}


def _instances(service: Service) -> dict[str, Any]:
    """Return the schema of `instances`: a list of samples."""
    inputs = service.signature.inputs
    by_name = schemas.object_schema(**{tensor.name: {"anyOf": _sample_forms(tensor)} for tensor in inputs})
    most = service.settings.batch_size if service.signature.batched else 1
    bounds = {"minItems": 1, "maxItems": most}
    sample_schemas: list[dict[str, Any]] = [{**by_name, "additionalProperties": False}]
    if len(inputs) == 1:
        sample_schemas.append({"anyOf": _sample_forms(inputs[0])})
    return {"anyOf": [{"type": "array", "items": schema, **bounds} for schema in sample_schemas]}


def _predict_response(signature: Signature) -> dict[str, Any]:
    return schemas.json_response(
        "One prediction for each sample, in the order of the samples.",
        schemas.object_schema(
            model_name={"type": "string", "const": signature.name},
            model_version={"type": "string", "const": signature.version},
            predictions=step_schemas.predictions(signature)
            or {"type": "array", "items": _prediction(signature)},
        ),
    )


def _sample_or_batch(tensor: Tensor, batch_size: int) -> dict[str, Any]:
    """Return the schema of one input: a sample, or a list of samples."""
    forms = _sample_forms(tensor)
    if not tensor.batched:
        return {"title": tensor.name, "description": "A sample.", "anyOf": forms}
    batches = [{"type": "array", "items": form, "minItems": 1, "maxItems": batch_size} for form in forms]
    return {
        "title": tensor.name,
        "description": "A sample, or a list of samples.",
        "anyOf": [*forms, *batches],
    }


def _sample_forms(tensor: Tensor) -> list[dict[str, Any]]:
    """Return the schemas of one sample: nested lists and, if that is different, a flat list."""
    forms = [_list_schema(tensor, tensor.sample_shape)]
    if tensor.sample_size is not None and len(tensor.sample_shape) != 1:
        forms.append(_list_schema(tensor, (tensor.sample_size,)))
    return forms


def _list_schema(tensor: Tensor, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the schema of nested lists of this shape; a length of -1 is any length."""
    schema = _value_schema(DTYPES[tensor.datatype])
    for length in reversed(shape):
        bounds = {} if length == -1 else {"minItems": length, "maxItems": length}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _value_schema(dtype: np.dtype[Any]) -> dict[str, Any]:
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        return {"type": "integer", "minimum": int(bounds.min), "maximum": int(bounds.max)}
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return {"type": "number", "minimum": -largest, "maximum": largest}
    return {"type": {"b": "boolean", "O": "string"}[dtype.kind]}


def _prediction(signature: Signature) -> dict[str, Any]:
    if signature.labels is None:
        return {"description": "The output as nested lists; several outputs as an object by name."}
    label_and_score = {"label": {"type": "string"}, "score": {"type": "number"}}
    top = {"type": "array", "items": {"type": "object", "properties": label_and_score}}
    return {
        "type": "object",
        "required": [*label_and_score, "top"],
        "properties": {**label_and_score, "top": top},
    }


def example(artifact: Artifact) -> Any:  # noqa: ANN401 - nested lists, or an object of them
    """Return a request of the artifact in the JSON format of /predict; None if it is too long to read."""
    if artifact.example is not None and artifact.example.request is not None:
        return artifact.example.request
    sample = artifact.inputs
    if sum(array.size for array in sample.values()) > MAX_EXAMPLE_VALUES:
        return None
    lists = {name: array[0].tolist() for name, array in sample.items()}
    return lists if len(lists) > 1 else next(iter(lists.values()))
