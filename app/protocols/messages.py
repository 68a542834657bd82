"""What goes in and comes out, whatever carries it: a request's head, its decoded body, an answer."""

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
"""The status code of an answer of the model."""

MAX_INLINE_DECODE_BYTES = 32 * 1024
"""Bytes of JSON, or of strings, from which reading them takes more than a millisecond."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a client gets."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    """Why it is not the model's, in a word for metrics."""

    detail: str | None = None
    """Why, in a sentence."""

    @classmethod
    def json(cls, content: Any) -> "Response":  # noqa: ANN401 - whatever JSON can carry
        """Answer with JSON."""
        return cls(OK, orjson.dumps(content))


@dataclass(frozen=True, slots=True)
class DecodedRequest:
    """A body understood: what goes into the model, and how its answers become an answer."""

    inputs: Arrays
    encode: Callable[[BatchOutputs, int], Response]
    """Takes a batch's answers and the index of the first that is this call's. May raise InvalidInput."""

    timeout_seconds: float | None = None
    is_slow_to_encode: bool = False
    """Whether `encode` may hold up the event loop, however small the answer is."""


class BodyHeaders(Protocol):
    """What a protocol reads of a request's headers."""

    @property
    def content_type(self) -> str:
        """The media type without its parameters."""
        ...

    @property
    def json_length(self) -> int | None:
        """How many bytes of the body are JSON, the rest being tensors; None where all of it is JSON.

        Raises:
            InvalidInput: the header is not a number.

        """
        ...


class WireProtocol(Protocol):
    """How one protocol carries tensors."""

    def media_types(self, signature: Signature) -> tuple[str, ...]:
        """Return what a body may be."""
        ...

    def is_quick(self, length: int, head: BodyHeaders, signature: Signature) -> bool:
        """Tell whether a body of so many bytes is read without holding up the event loop.

        Raises:
            InvalidInput: the head contradicts itself.

        """
        ...

    def memory_cost(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> int:
        """Return how many bytes of memory it takes at most to read a body, beside the body itself.

        Raises:
            RequestError: the body shows already that it cannot be answered.

        """
        ...

    def decode(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> DecodedRequest:
        """Read a body.

        Raises:
            RequestError: it does not fit.

        """
        ...


def without_mark(json: bytes | memoryview) -> bytes | memoryview:
    """Return JSON without a byte order mark: https://www.rfc-editor.org/rfc/rfc8259#section-8.1."""
    return json[len(codecs.BOM_UTF8) :] if json[: len(codecs.BOM_UTF8)] == codecs.BOM_UTF8 else json


def samples(arrays: Arrays, signature: Signature, batch_size: int) -> int:
    """Return how many samples a request holds.

    Raises:
        InvalidInput: its inputs differ in it.
        TooLarge: it is more than `batch_size`.

    """
    size = count(arrays)
    check_samples(size, signature, batch_size)
    return size


def check_samples(size: int, signature: Signature, batch_size: int) -> None:
    """See that a request holds no more samples than it may.

    Raises:
        InvalidInput: it is more than one, and the model has no batch axis.
        TooLarge: it is more than `batch_size`.

    """
    if size > 1 and not signature.batched:
        raise InvalidInput(
            f"{size} samples in one request; this model takes one at a time", tensor=signature.inputs[0]
        )
    if size > batch_size:
        raise TooLarge(
            f"{size} samples in one request; at most {batch_size} are accepted",
            tensor=signature.inputs[0],
        )


def count(arrays: Arrays) -> int:
    """Return how many samples tensors hold.

    Raises:
        InvalidInput: they differ in it.

    """
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise InvalidInput(f"the inputs differ in their number of samples: {sizes}")
    return next(iter(sizes.values()))
