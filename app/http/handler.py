"""The interface between a connection and the code that answers one of its requests."""

from typing import Protocol

from app.errors import RequestError
from app.http.problems import Problem


class Handler(Protocol):
    """Answers one request: `Exchange` for inference, `AsgiCall` for everything else."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes of the body that were received and that the handler has not processed yet."""
        ...

    def receive(self, chunk: bytes) -> None:
        """Accept the next part of the body."""
        ...

    def body_buffer(self) -> memoryview:
        """Return the buffer into which the rest of the body is to be received.

        Returns:
            A buffer of exactly the missing bytes. An empty one if the rest is to be passed to `receive`.

        """
        ...

    def complete(self) -> None:
        """Start to answer: the whole body has been received."""
        ...

    def refuse(self, error: Problem | RequestError, /) -> None:
        """Answer with an error, because the rest of the body cannot be read."""
        ...

    def cancel(self) -> None:
        """Stop and release everything: the client has disconnected."""
        ...
