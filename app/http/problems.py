"""Errors as a client sees them: problem details, https://www.rfc-editor.org/rfc/rfc9457."""

from http import HTTPStatus
from typing import Any

import orjson

from app import errors
from app.errors import RequestError
from app.protocols.messages import Response
from app.serving.metrics import MEMORY, OVERLOADED, REASONS
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


STATUSES: dict[type[RequestError], tuple[HTTPStatus, str | None]] = {
    errors.InvalidInput: (HTTPStatus.BAD_REQUEST, None),
    errors.RefusedByHook: (HTTPStatus.UNPROCESSABLE_ENTITY, None),
    errors.ModelNotFound: (HTTPStatus.NOT_FOUND, None),
    errors.TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, None),
    errors.InternalError: (HTTPStatus.INTERNAL_SERVER_ERROR, None),
    errors.HookFailed: (HTTPStatus.INTERNAL_SERVER_ERROR, None),
    errors.ModelNotReady: (HTTPStatus.SERVICE_UNAVAILABLE, None),
    errors.Overloaded: (HTTPStatus.SERVICE_UNAVAILABLE, OVERLOADED),
    errors.ReceiveBufferFull: (HTTPStatus.SERVICE_UNAVAILABLE, MEMORY),
    errors.DeadlineExceeded: (HTTPStatus.GATEWAY_TIMEOUT, None),
}
"""The status code of each error, and its reason for metrics where that is not the code's usual one."""


def of(error: Problem | RequestError) -> Problem:
    """Return what a client is told of an error; a problem as it is."""
    if isinstance(error, Problem):
        return error
    status, reason = STATUSES[type(error)]
    headers = None if error.retry_after is None else {"retry-after": str(error.retry_after)}
    return Problem(status, error.detail, tensor=error.tensor, headers=headers, reason=reason)


def response(problem: Problem, request_id: str | None = None) -> Response:
    """Return the answer that tells a client of a problem."""
    return Response(
        problem.status.value,
        orjson.dumps(problem.content(request_id)),
        MEDIA_TYPE,
        problem.headers,
        problem.reason,
        problem.detail,
    )
