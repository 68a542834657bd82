"""What /docs says, generated from the signature: https://spec.openapis.org/oas/v3.1.0."""

import re
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.artifact import Artifact
from app.http import schemas
from app.http.admission import samples_in
from app.http.routes import PREDICT_PATH
from app.protocols.messages import JSON
from app.protocols.payload import INSTANCES, SERVING_DEFAULT, SIGNATURE_NAME
from app.protocols.predict import PredictProtocol
from app.serving.service import Service
from app.signature import Signature, Tensor
from app.tensors import DTYPES

EXAMPLE_VALUES = 1000
"""A sample of more values is not shown: nobody reads it."""


class Document:
    """The OpenAPI document of the models that are served at this moment."""

    def __init__(self, api: FastAPI, service: Service) -> None:
        self._api = api
        self._service = service
        self._document: dict[str, Any] | None = None
        self._json = b""
        service.on_models_changed.append(self._forget)

    def __call__(self) -> dict[str, Any]:
        """Return the document, which is made again only after other models have come to be served."""
        if self._document is None:
            self._document = _document(self._api, self._service)
            self._json = orjson.dumps(self._document)
        return self._document

    def json(self) -> bytes:
        """Return the document as JSON."""
        self()
        return self._json

    def _forget(self) -> None:
        self._document = None


def _document(api: FastAPI, service: Service) -> dict[str, Any]:
    signature = service.signature
    whole = get_openapi(
        title=signature.name,
        version=signature.version,
        description=description(signature),
        routes=api.routes,
    )
    served = {
        "name": sorted({model.signature.name for model in service.models}),
        "version": sorted({model.signature.version for model in service.models}),
    }
    for path, operations in whole["paths"].items():
        for operation in operations.values():
            operation["parameters"] = [
                schemas.in_path(name, served[name]) for name in re.findall(r"{(\w+)}", path)
            ]
            if path.endswith("/infer"):
                operation["requestBody"] = schemas.infer_body()
                operation["parameters"] += [schemas.JSON_LENGTH, schemas.DEADLINE]
                operation["responses"] |= {"200": schemas.infer_answer(), "404": schemas.UNKNOWN[404]}
    predict = whole["paths"][PREDICT_PATH]["post"]
    predict["parameters"] += [schemas.DEADLINE]
    predict["requestBody"] = {"required": True, "content": _predict_body(service)}
    predict["responses"]["200"] = _predict_answer(signature)
    return whole


def description(signature: Signature) -> str:
    """Return the signature in words."""
    lines = [
        f"- {kind} `{tensor.name}`: {tensor.datatype} {list(tensor.shape)}"
        for kind, tensors in (("input", signature.inputs), ("output", signature.outputs))
        for tensor in tensors
    ]
    return f"Serves `{signature.name}`, version `{signature.version}`.\n\n" + "\n".join(lines)


def _predict_body(service: Service) -> dict[str, Any]:
    signature = service.signature
    samples = {tensor.name: _samples(tensor, service.settings.batch_size) for tensor in signature.inputs}
    closed = {"additionalProperties": False}
    instances: dict[str, Any] = {**schemas.members(**{INSTANCES: _instances(service)}), **closed}
    instances["properties"][SIGNATURE_NAME] = {"type": "string", "const": SERVING_DEFAULT}
    forms = [{**schemas.members(**samples), **closed}, instances]
    if len(samples) == 1:
        forms = [*samples.values(), *forms]
    body: dict[str, Any] = {JSON: {"schema": {"anyOf": forms}}}
    if (shown := example(service.default.artifact)) is not None:
        body[JSON]["example"] = shown
    others = [kind for kind in PredictProtocol().media_types(signature) if kind != JSON]
    return body | dict.fromkeys(others, _binary(service))


def _binary(service: Service) -> dict[str, Any]:
    """Return the description of a body of octets or a picture, with the bound that applies first."""
    settings = service.settings
    most = f"At most {settings.max_body_bytes} bytes"
    if (fitting := samples_in(settings.max_body_bytes, service.signature)) is not None:
        most += f", so at most {min(fitting, settings.batch_size)} samples as raw values"
    return {"schema": {**schemas.BINARY["schema"], "description": f"{most}."}}


def _instances(service: Service) -> dict[str, Any]:
    inputs = service.signature.inputs
    by_name = schemas.members(**{tensor.name: {"anyOf": _forms(tensor)} for tensor in inputs})
    most = service.settings.batch_size if service.signature.batched else 1
    bounds = {"minItems": 1, "maxItems": most}
    kinds: list[dict[str, Any]] = [{**by_name, "additionalProperties": False}]
    if len(inputs) == 1:
        kinds.append({"anyOf": _forms(inputs[0])})
    return {"anyOf": [{"type": "array", "items": kind, **bounds} for kind in kinds]}


def _predict_answer(signature: Signature) -> dict[str, Any]:
    return schemas.json_response(
        "A prediction a sample.",
        schemas.members(
            model_name={"type": "string", "const": signature.name},
            model_version={"type": "string", "const": signature.version},
            predictions={"type": "array", "items": _prediction(signature)},
        ),
    )


def _samples(tensor: Tensor, batch_size: int) -> dict[str, Any]:
    forms = _forms(tensor)
    if not tensor.batched:
        return {"title": tensor.name, "description": "A sample.", "anyOf": forms}
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
    schema = _value(DTYPES[tensor.datatype])
    for length in reversed(shape):
        bounds = {} if length == -1 else {"minItems": length, "maxItems": length}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _value(dtype: np.dtype[Any]) -> dict[str, Any]:
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        return {"type": "integer", "minimum": int(bounds.min), "maximum": int(bounds.max)}
    if dtype.kind == "f":
        most = float(np.finfo(dtype).max)
        return {"type": "number", "minimum": -most, "maximum": most}
    return {"type": {"b": "boolean", "O": "string"}[dtype.kind]}


def _prediction(signature: Signature) -> dict[str, Any]:
    if signature.labels is None:
        return {"description": "The output as nested lists; an object by name where there are several."}
    scored = {"label": {"type": "string"}, "score": {"type": "number"}}
    top = {"type": "array", "items": {"type": "object", "properties": scored}}
    return {"type": "object", "required": [*scored, "top"], "properties": {**scored, "top": top}}


def example(artifact: Artifact) -> Any:  # noqa: ANN401 - nested lists, or an object of them
    """Return the artifact's own sample as JSON for /predict, or None where it is too long to read."""
    sample = artifact.inputs
    if sum(array.size for array in sample.values()) > EXAMPLE_VALUES:
        return None
    lists = {name: array[0].tolist() for name, array in sample.items()}
    return lists if len(lists) > 1 else next(iter(lists.values()))
