"""Why a request cannot be answered. These errors know nothing of the transport, which tells the client.

`app.http.problems` maps each of them to an HTTP status.
"""

import math

from app.signature import Tensor


class RequestError(Exception):
    """A request that cannot be answered. Its text is for the client."""

    retry_after: int | None = None
    """Seconds after which the request may be sent again; None where that would not help."""

    def __init__(self, detail: str, *, tensor: Tensor | None = None) -> None:
        """Take what is wrong.

        Args:
            detail: what is wrong, and where, in a sentence for the client.
            tensor: the input that is wrong, if it is one of them.

        """
        super().__init__(detail)
        self.detail = detail
        self.tensor = tensor


class InvalidInput(RequestError):
    """The request cannot be read, or does not fit the model's signature."""


class RefusedByHook(RequestError):
    """The model's own code does not accept the request, and says why."""


class TooLarge(RequestError):
    """The request is larger than the server accepts, or would take more memory than there is."""


class ModelNotFound(RequestError):
    """There is no model of this name and version."""


class DeadlineExceeded(RequestError):
    """The model did not answer before the request's deadline."""

    def __init__(self) -> None:
        super().__init__("the model had no time for it before the request's deadline")


class InternalError(RequestError):
    """The server failed. The log says why, and the client does not learn it."""

    def __init__(self) -> None:
        super().__init__("the server failed; its log says why")


class HookFailed(RequestError):
    """The model's own code failed. The log says why, and the client does not learn it."""

    def __init__(self, function: str) -> None:
        """Take the name of the function that failed."""
        super().__init__(f"{function}() of this model failed; the server's log says why")


class Unavailable(RequestError):
    """The server cannot answer now."""

    def __init__(self, detail: str, retry_after: float = 1) -> None:
        """Take what is wrong, and the seconds after which the request may be sent again."""
        super().__init__(detail)
        self.retry_after = max(1, math.ceil(retry_after))


class ModelNotReady(Unavailable):
    """The model is being loaded, or has failed."""


class Overloaded(Unavailable):
    """Too many requests wait for the model, or take the memory that there is for requests."""


class ReceiveBufferFull(Unavailable):
    """The requests that are being received take all the memory that there is for them."""
