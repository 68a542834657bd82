"""The errors that end a request. They know nothing of HTTP: `app.http.problems` maps each to a status."""

import math

from app.signature import Tensor


class RequestError(Exception):
    """A request cannot be answered. The client gets the message."""

    retry_after: int | None = None
    """After how many seconds the client may retry. None when a retry would not help."""

    def __init__(self, detail: str, *, tensor: Tensor | None = None) -> None:
        """Create the error.

        Args:
            detail: what is wrong, and where, as a sentence for the client.
            tensor: the input that is wrong, if a single input is.

        """
        super().__init__(detail)
        self.detail = detail
        self.tensor = tensor


class InvalidInput(RequestError):
    """The request cannot be decoded, or does not fit the signature of the model."""


class TooLarge(RequestError):
    """The request is larger than the server accepts, or needs more memory than the server has."""


class ModelNotFound(RequestError):
    """No model with this name and version is served."""


class DeadlineExceeded(RequestError):
    """The model did not answer before the request's deadline."""

    def __init__(self) -> None:
        super().__init__("the model could not compute the request before its deadline")


class InternalError(RequestError):
    """The server failed. The reason is in the log, and is not shown to the client."""

    def __init__(self) -> None:
        super().__init__("the server failed; its log says why")


class Unavailable(RequestError):
    """The server cannot answer now, but may later."""

    def __init__(self, detail: str, retry_after: float = 1) -> None:
        """Create the error.

        Args:
            detail: what is wrong, as a sentence for the client.
            retry_after: after how many seconds the client may retry. It is rounded up, and 1 at least.

        """
        super().__init__(detail)
        self.retry_after = max(1, math.ceil(retry_after))


class ModelNotReady(Unavailable):
    """The model is being loaded, or has failed."""


class Overloaded(Unavailable):
    """Too many requests wait for the model, or there is no memory for another one."""


class ReceiveBufferFull(Unavailable):
    """The requests that are being received take all the memory for request bodies."""
