"""What all protocols have in common: the response, the decoded request, and checks of sample counts."""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from app.errors import InvalidInput, TooLarge
from app.serving.predictions import BatchOutputs
from app.signature import Signature
from app.tensors import Arrays

JSON = "application/json"
OCTETS = "application/octet-stream"

OK = 200
"""The status code of an answer from the model."""

MAX_INLINE_DECODE_BYTES = 32 * 1024
"""The largest JSON, or packed strings, to decode on the event loop. It takes about a millisecond."""


@dataclass(frozen=True, slots=True)
class Response:
    """The response to a request."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    """For a response that is not from the model: the label `reason` of its metric."""

    detail: str | None = None
    """For a response that is not from the model: the reason in a sentence."""

    @classmethod
    def json(cls, content: Any) -> "Response":  # noqa: ANN401 - anything that JSON can hold
        """Return a response with status 200 and `content` as JSON."""
        return cls(OK, orjson.dumps(content))


@dataclass(frozen=True, slots=True)
class DecodedRequest:
    """A decoded request: the inputs of the model, and the function that encodes its outputs."""

    inputs: Arrays
    """The input tensors by name, each of shape [samples, ...]."""

    encode: Callable[[BatchOutputs, int], Response]
    """Makes the response from the outputs of a batch and the index of the request's first sample in it.

    May raise InvalidInput.
    """

    timeout_seconds: float | None = None
    """How long the client waits, if the body says so."""


class BodyHeaders(Protocol):
    """The headers of a request that a protocol needs to decode its body."""

    @property
    def content_type(self) -> str:
        """The media type, without parameters."""
        ...

    @property
    def json_length(self) -> int | None:
        """How many bytes at the start of the body are JSON; the rest is tensors. None if all of it is JSON.

        Raises:
            InvalidInput: the header is not a number.

        """
        ...


class WireProtocol(Protocol):
    """A protocol by which requests and responses carry tensors."""

    def media_types(self, signature: Signature) -> tuple[str, ...]:
        """Return the media types that a body may have."""
        ...

    def is_quick(self, length: int, head: BodyHeaders, signature: Signature) -> bool:
        """Tell whether a body is so quick to decode that the event loop may do it.

        Args:
            length: the length of the body in bytes.
            head: the headers of the request.
            signature: the signature of the model.

        Raises:
            InvalidInput: the headers contradict each other.

        """
        ...

    def memory_cost(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> int:
        """Return how many bytes of memory decoding a body takes at most, in addition to the body itself.

        Args:
            body: the body, not compressed.
            head: the headers of the request.
            signature: the signature of the model.
            batch_size: how many samples a request may have.

        Raises:
            RequestError: the request cannot be answered, as the body shows before it is decoded.

        """
        ...

    def decode(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> DecodedRequest:
        """Decode a body.

        Args:
            body: the body, not compressed.
            head: the headers of the request.
            signature: the signature of the model.
            batch_size: how many samples a request may have.

        Raises:
            RequestError: the body is malformed, or does not fit the signature.

        """
        ...


def without_byte_order_mark(json: bytes | memoryview) -> bytes | memoryview:
    """Return JSON without its byte order mark: https://www.rfc-editor.org/rfc/rfc8259#section-8.1."""
    return json[len(codecs.BOM_UTF8) :] if json[: len(codecs.BOM_UTF8)] == codecs.BOM_UTF8 else json


def checked_sample_count(arrays: Arrays, signature: Signature, batch_size: int) -> int:
    """Return how many samples a request has.

    Raises:
        InvalidInput: its inputs have different numbers of samples.
        TooLarge: it has more than `batch_size` samples.

    """
    size = sample_count(arrays)
    check_sample_count(size, signature, batch_size)
    return size


def check_sample_count(size: int, signature: Signature, batch_size: int) -> None:
    """Check that a request has no more samples than it may.

    Raises:
        TooLarge: it has more than `batch_size` samples.

    """
    if size > batch_size:
        raise TooLarge(
            f"{size} samples in one request; at most {batch_size} are accepted",
            tensor=signature.inputs[0],
        )


def sample_count(arrays: Arrays) -> int:
    """Return how many samples tensors have.

    Raises:
        InvalidInput: they have different numbers of samples.

    """
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise InvalidInput(f"the inputs have different numbers of samples: {sizes}")
    return next(iter(sizes.values()))
