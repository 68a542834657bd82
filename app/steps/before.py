"""What a step before the model does, whichever kind it is."""

from typing import Protocol

from app.tensors import Arrays


class BeforeStep(Protocol):
    """Turns the parsed JSON body of /predict into the model's inputs."""

    def cost(self, length: int, batch_size: int) -> int:
        """Return how many bytes of memory the step takes at most, beside the parsed body.

        Args:
            length: bytes of the body.
            batch_size: most samples of a request.

        """
        ...

    def tensors(self, request: object, batch_size: int) -> Arrays:
        """Return the inputs of the model by name, each of shape [samples, ...].

        Args:
            request: the parsed body.
            batch_size: most samples of a request.

        Raises:
            RequestError: the request does not fit.

        """
        ...
