"""What goes in and comes out, whatever carries it: a request's head, its decoded body, an answer."""

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol

import orjson

from app import problems
from app.predictions import Answers
from app.problems import Problem
from app.signature import Signature
from app.tensors import Arrays

JSON = "application/json"
IDENTITY = "identity"
OCTETS = "application/octet-stream"

HEADERS = (
    b"content-type",
    b"content-length",
    b"content-encoding",
    b"accept-encoding",
    b"inference-header-content-length",
    b"traceparent",
    b"tracestate",
    b"x-envoy-expected-rq-timeout-ms",
)
"""All that inference reads of a request's head.

Of traces: https://www.w3.org/TR/trace-context/. The last is how long the client waits, in milliseconds, by
the name that Envoy gives it when it forwards:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
"""

WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""How zlib reads and writes the content codings of https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1."""

_NOT_ACCEPTABLE = re.compile(r";\s*q=0(\.0*)?\s*$")
"""A weight of 0: https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2."""

MOST_DIGITS = 18
"""Digits of a number in a header."""

LONG = 32 * 1024
"""Bytes of JSON, or of strings, from which reading them takes more than a millisecond."""

COMPRESSED_FROM = 1024
"""Bytes of an answer below which compression saves nothing."""


class Head:
    """The headers of a request to inference, those of `HEADERS` that it has."""

    __slots__ = ("content_encoding", "content_type", "headers")

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self.headers = headers
        self.content_type = _token(headers.get(b"content-type")) or JSON
        """The media type without its parameters; JSON where the client does not say."""

        self.content_encoding = _token(headers.get(b"content-encoding")) or IDENTITY
        """The content coding."""

    @property
    def content_length(self) -> int:
        """The length of the body as declared, 0 where it is not."""
        return self._natural(b"content-length") or 0

    @property
    def json_length(self) -> int | None:
        """How much of the body is JSON, the rest being tensors; None where all of it is.

        Raises:
            Problem: 400, it is not a number.

        """
        return self._natural(b"inference-header-content-length")

    @property
    def timeout_seconds(self) -> float | None:
        """How long the client waits; None where it does not say.

        Raises:
            Problem: 400, it is not a number.

        """
        milliseconds = self._natural(b"x-envoy-expected-rq-timeout-ms")
        return milliseconds and milliseconds / 1000

    @property
    def coding(self) -> str | None:
        """The content coding that the client accepts for its answer and this server writes, if any."""
        accepted = self.headers.get(b"accept-encoding")
        if not accepted:
            return None
        offered = accepted.decode("latin-1").lower().split(",")
        names = {one.partition(";")[0].strip() for one in offered if not _NOT_ACCEPTABLE.search(one)}
        return next((name for name in WINDOW_BITS if name in names), None)

    def _natural(self, name: bytes) -> int | None:
        value = self.headers.get(name)
        if value is None:
            return None
        # More is no length and no time, and int() takes a quadratic while for it.
        if not value.isdigit() or len(value) > MOST_DIGITS:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"{name.decode()}: {value[:40].decode('latin-1')!r} is not a number"
            )
        return int(value)


@lru_cache(maxsize=256)
def _token(value: bytes | None) -> str:
    """Return a header's value without parameters, in small letters."""
    return value.partition(b";")[0].strip().lower().decode("latin-1") if value else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    """Why it is not the model's, in a word for metrics."""

    @classmethod
    def of(cls, problem: Problem) -> "Answer":
        """Tell a client what is wrong."""
        return cls(
            problem.status.value,
            orjson.dumps(problem.content()),
            problems.MEDIA_TYPE,
            problem.headers,
            problem.reason,
        )

    @classmethod
    def json(cls, content: Any) -> "Answer":  # noqa: ANN401 - whatever JSON can carry
        """Answer with JSON."""
        return cls(HTTPStatus.OK.value, orjson.dumps(content))

    def compressed(self, coding: str | None) -> "Answer":
        """Return the answer in a content coding, where that makes it smaller."""
        if coding is None or len(self.body) < COMPRESSED_FROM:
            return self
        # The fastest level: the answer is on its way to a client that waits.
        writer = zlib.compressobj(level=1, wbits=WINDOW_BITS[coding])
        body = writer.compress(self.body) + writer.flush()
        headers = {**self.headers, "content-encoding": coding, "vary": "accept-encoding"}
        return Answer(self.status, body, self.content_type, headers, self.reason)


@dataclass(frozen=True, slots=True)
class Call:
    """A body understood: what goes into the model, and how its answers become an answer."""

    inputs: Arrays
    encode: Callable[[Answers, int], Answer]
    """Takes a batch's answers and the index of the first that is this call's. May raise Problem."""

    timeout_seconds: float | None = None


class Codec(Protocol):
    """How one protocol carries tensors."""

    route: str
    """Its path, with names in braces for what differs."""

    def media_types(self, signature: Signature) -> tuple[str, ...]:
        """Return what a body may be."""
        ...

    def is_quick(self, length: int, head: Head, signature: Signature) -> bool:
        """Tell whether a body of so many bytes is read without holding up the event loop.

        Raises:
            Problem: the head contradicts itself.

        """
        ...

    def cost(self, body: bytes | memoryview, head: Head, signature: Signature, batch_size: int) -> int:
        """Return how many bytes of memory it takes at most to read a body, beside the body itself.

        Raises:
            Problem: what is needed to know that shows that it cannot be answered.

        """
        ...

    def decode(self, body: bytes | memoryview, head: Head, signature: Signature, batch_size: int) -> Call:
        """Read a body.

        Raises:
            Problem: it does not fit.

        """
        ...


def decompressed(body: bytes | memoryview, coding: str, limit: int) -> bytes | memoryview:
    """Return a body without its content coding.

    Raises:
        Problem: 400 where it is not so coded, 413 where it unpacks to more than `limit` bytes.

    """
    if coding == IDENTITY:
        return body
    reader = zlib.decompressobj(wbits=WINDOW_BITS[coding])
    try:
        # Never more than asked for: a small body can unpack to a thousand times its size.
        plain = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not {coding}: {error}") from None
    if len(plain) > limit:
        raise too_large(limit)
    if not reader.eof:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not {coding}: it ends early")
    return plain


def samples(arrays: Arrays, signature: Signature, batch_size: int) -> int:
    """Return how many samples a request holds.

    Raises:
        Problem: 400 where its inputs differ in it, 413 where it is more than `batch_size`.

    """
    size = count(arrays)
    if size > batch_size:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{size} samples in one request; at most {batch_size} are accepted",
            tensor=signature.inputs[0],
        )
    return size


def count(arrays: Arrays) -> int:
    """Return how many samples tensors hold.

    Raises:
        Problem: 400 where they differ in it.

    """
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the inputs differ in their number of samples: {sizes}")
    return next(iter(sizes.values()))


def too_large(limit: int) -> Problem:
    """Return the problem of a body over the limit."""
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes")
