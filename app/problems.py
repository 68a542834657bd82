"""Errors as a client sees them: problem details, https://www.rfc-editor.org/rfc/rfc9457."""

from http import HTTPStatus
from typing import Any

from app.signature import Tensor

SERVER_ERROR = 500
"""The first of the codes that say that the server could not."""

MEDIA_TYPE = "application/problem+json"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "The status code in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and where."},
        "error": {
            "type": "string",
            "description": "The detail once more, where a client of the Open Inference Protocol reads it.",
        },
        "request_id": {
            "type": "string",
            "description": "The request's X-Request-ID, or the one that it was given; it is in the log.",
        },
        "tensor": {"type": "string", "description": "The input that is wrong."},
        "expected": {
            "type": "object",
            "description": "What that input takes; -1 is the batch, or any length.",
            "required": ["datatype", "shape"],
            "properties": {
                "datatype": {"type": "string"},
                "shape": {"type": "array", "items": {"type": "integer"}},
            },
        },
    },
}

REASONS = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.NOT_FOUND: "unknown_model",
    HTTPStatus.METHOD_NOT_ALLOWED: "method",
    HTTPStatus.REQUEST_TIMEOUT: "slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "media_type",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head_too_large",
    HTTPStatus.NOT_IMPLEMENTED: "not_implemented",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "not_implemented",
    HTTPStatus.SERVICE_UNAVAILABLE: "not_ready",
    HTTPStatus.GATEWAY_TIMEOUT: "expired",
}
"""Why a request never had an answer of the model, in a word for metrics, by the code that it got."""

OVERLOADED = "overloaded"
"""Another reason for 503: there is a model, but too many requests wait for it."""

CONNECTIONS = "connections"
"""Another: there are too many connections."""

MEMORY = "memory"
"""Another: what is being received fills the memory that there is for it."""

ALL_REASONS = frozenset({*REASONS.values(), OVERLOADED, CONNECTIONS, MEMORY})


class Problem(Exception):  # noqa: N818 - the RFC's name
    """A request that cannot be answered as asked. `headers` go with the answer."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        tensor: Tensor | None = None,
        headers: dict[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.tensor = tensor
        self.headers = headers or {}
        self.reason = reason or REASONS.get(status)

    def content(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the members of the problem details object."""
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "error": self.detail,
        }
        if request_id is not None:
            content["request_id"] = request_id
        if self.tensor is not None:
            content["tensor"] = self.tensor.name
            content["expected"] = {"datatype": self.tensor.datatype, "shape": self.tensor.shape}
        return content
