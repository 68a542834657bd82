"""What answers one request of a connection."""

from typing import Protocol

from app.errors import RequestError
from app.http.problems import Problem


class Handler(Protocol):
    """An exchange with a model, or a call of the application."""

    @property
    def waiting(self) -> int:
        """Bytes of the body that are here and not taken."""
        ...

    def receive(self, chunk: bytes) -> None:
        """Take a part of the body."""
        ...

    def body_buffer(self) -> memoryview:
        """Return where the rest of the body is to be written; no room where it is to be received."""
        ...

    def complete(self) -> None:
        """Say that the body is whole."""
        ...

    def refuse(self, error: Problem | RequestError, /) -> None:
        """Answer with an error: the body cannot be read."""
        ...

    def cancel(self) -> None:
        """Forget the request: its client is gone."""
        ...
