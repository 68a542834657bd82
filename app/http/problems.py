"""Error responses in the format "problem details": https://www.rfc-editor.org/rfc/rfc9457."""

from http import HTTPStatus
from typing import Any

import orjson

from app import errors
from app.errors import RequestError
from app.protocols.messages import Response
from app.serving.metrics import MEMORY, OVERLOADED, REASONS
from app.signature import Tensor

SERVER_ERROR = 500
"""The lowest status code of a server error."""

MEDIA_TYPE = "application/problem+json"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "The name of the status code."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and where in the request."},
        "error": {
            "type": "string",
            "description": "The same text as `detail`, for clients of the Open Inference Protocol.",
        },
        "request_id": {
            "type": "string",
            "description": "The X-Request-ID of the request, or a new id; it is in the server's log too.",
        },
        "tensor": {"type": "string", "description": "The name of the input that is wrong."},
        "expected": {
            "type": "object",
            "description": "What that input accepts; -1 is the batch axis, or an axis of any length.",
            "required": ["datatype", "shape"],
            "properties": {
                "datatype": {"type": "string"},
                "shape": {"type": "array", "items": {"type": "integer"}},
            },
        },
    },
}


class Problem(Exception):  # noqa: N818 - the RFC's name
    """A request that is answered with an error."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        tensor: Tensor | None = None,
        headers: dict[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        """Describe the error.

        Args:
            status: the status code.
            detail: what is wrong, and where, in a sentence for the client.
            tensor: the input that is wrong, if it is one of them.
            headers: additional headers of the response.
            reason: a word for the metrics; the usual one of the status code by default.

        """
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.tensor = tensor
        self.headers = headers or {}
        self.reason = reason or REASONS.get(status)

    def content(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the problem details object, with `request_id` as a member if it is known."""
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
    errors.ModelNotFound: (HTTPStatus.NOT_FOUND, None),
    errors.TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, None),
    errors.InternalError: (HTTPStatus.INTERNAL_SERVER_ERROR, None),
    errors.ModelNotReady: (HTTPStatus.SERVICE_UNAVAILABLE, None),
    errors.Overloaded: (HTTPStatus.SERVICE_UNAVAILABLE, OVERLOADED),
    errors.ReceiveBufferFull: (HTTPStatus.SERVICE_UNAVAILABLE, MEMORY),
    errors.DeadlineExceeded: (HTTPStatus.GATEWAY_TIMEOUT, None),
}
"""The status code of each error, and its reason for the metrics if that differs from the code's usual one."""


def from_error(error: Problem | RequestError) -> Problem:
    """Return the problem for an error; the error itself if it is a problem already."""
    if isinstance(error, Problem):
        return error
    status, reason = STATUSES[type(error)]
    headers = None if error.retry_after is None else {"retry-after": str(error.retry_after)}
    return Problem(status, error.detail, tensor=error.tensor, headers=headers, reason=reason)


def to_response(problem: Problem, request_id: str | None = None) -> Response:
    """Return the response with the problem details, for the request of this id."""
    return Response(
        problem.status.value,
        orjson.dumps(problem.content(request_id)),
        MEDIA_TYPE,
        problem.headers,
        problem.reason,
        problem.detail,
    )
