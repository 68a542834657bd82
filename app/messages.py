"""What goes in and comes out, whatever carries it: a request's head, its decoded body, an answer."""

import codecs
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol

import orjson

from app import codings, identity, problems
from app.predictions import Answers
from app.problems import Problem
from app.signature import Signature
from app.tensors import Arrays

JSON = "application/json"
OCTETS = "application/octet-stream"

HEADERS = (
    b"content-type",
    b"content-length",
    b"content-encoding",
    b"accept-encoding",
    b"inference-header-content-length",
    b"traceparent",
    b"tracestate",
    b"x-request-id",
    b"x-envoy-expected-rq-timeout-ms",
)
"""All that inference reads of a request's head.

Of traces: https://www.w3.org/TR/trace-context/. The last is how long the client waits, in milliseconds, by
the name that Envoy gives it when it forwards:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
"""

_WANTED = frozenset(HEADERS)
_LISTS = frozenset({b"content-encoding", b"accept-encoding", b"tracestate"})

_SAME = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
"""Media types by other names that are in use."""

MOST_DIGITS = 18
"""Digits of a number in a header."""

LONG = 32 * 1024
"""Bytes of JSON, or of strings, from which reading them takes more than a millisecond."""

COMPRESSED_FROM = 1024
"""Bytes of an answer below which compression saves nothing."""


def wanted(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return those of `HEADERS` that a request has; names are in small letters.

    The values of a list are joined (https://www.rfc-editor.org/rfc/rfc9110#section-5.3); of anything else
    that is there twice, the last holds.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _WANTED:
            found[name] = found[name] + b"," + value if name in _LISTS and name in found else value
    return found


class Head:
    """The headers of a request to inference, those of `HEADERS` that it has."""

    __slots__ = ("content_encodings", "content_type", "headers")

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self.headers = headers
        self.content_type = _token(headers.get(b"content-type")) or JSON
        """The media type without its parameters; JSON where the client does not say."""

        self.content_encodings = codings.applied(headers.get(b"content-encoding"))
        """The content codings in the order in which they were applied; none where the body is as it is."""

    @property
    def request_id(self) -> str | None:
        """The request's id; None where the transport gave it none."""
        value = self.headers.get(identity.REQUEST_ID)
        return value.decode("latin-1") if value else None

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
        return codings.acceptable(self.headers.get(b"accept-encoding"))

    def _natural(self, name: bytes) -> int | None:
        value = self.headers.get(name)
        if value is None:
            return None
        digits = value.lstrip(b"0") or b"0"
        # More is no length and no time, and int() takes a quadratic while for it.
        if not value.isdigit() or len(digits) > MOST_DIGITS:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"{name.decode()}: {value[:40].decode('latin-1')!r} is not a number"
            )
        return int(digits)


@lru_cache(maxsize=256)
def _token(value: bytes | None) -> str:
    """Return a header's value without parameters, in small letters, by its right name."""
    token = value.partition(b";")[0].strip().lower().decode("latin-1") if value else ""
    return _SAME.get(token, token)


@dataclass(frozen=True, slots=True)
class Answer:
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
    def of(cls, problem: Problem, request_id: str | None = None) -> "Answer":
        """Tell a client what is wrong."""
        return cls(
            problem.status.value,
            orjson.dumps(problem.content(request_id)),
            problems.MEDIA_TYPE,
            problem.headers,
            problem.reason,
            problem.detail,
        )

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return the headers, but for those that every answer has."""
        named = {"content-type": self.content_type, **self.headers}
        return [(name.encode(), value.encode("latin-1")) for name, value in named.items()]

    @classmethod
    def json(cls, content: Any) -> "Answer":  # noqa: ANN401 - whatever JSON can carry
        """Answer with JSON."""
        return cls(HTTPStatus.OK.value, orjson.dumps(content))

    def compressed(self, coding: str | None) -> "Answer":
        """Return the answer in a content coding, where that makes it smaller."""
        if coding is None or len(self.body) < COMPRESSED_FROM:
            return self
        headers = {**self.headers, "content-encoding": coding, "vary": "accept-encoding"}
        return replace(self, body=codings.compressed(self.body, coding), headers=headers)


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


def without_mark(json: bytes | memoryview) -> bytes | memoryview:
    """Return JSON without a byte order mark: https://www.rfc-editor.org/rfc/rfc8259#section-8.1."""
    return json[len(codecs.BOM_UTF8) :] if json[: len(codecs.BOM_UTF8)] == codecs.BOM_UTF8 else json


def samples(arrays: Arrays, signature: Signature, batch_size: int) -> int:
    """Return how many samples a request holds.

    Raises:
        Problem: 400 where its inputs differ in it, 413 where it is more than `batch_size`.

    """
    size = count(arrays)
    check_samples(size, signature, batch_size)
    return size


def check_samples(size: int, signature: Signature, batch_size: int) -> None:
    """See that a request holds no more samples than it may.

    Raises:
        Problem: 413, it is more than `batch_size`.

    """
    if size > batch_size:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{size} samples in one request; at most {batch_size} are accepted",
            tensor=signature.inputs[0],
        )


def count(arrays: Arrays) -> int:
    """Return how many samples tensors hold.

    Raises:
        Problem: 400 where they differ in it.

    """
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the inputs differ in their number of samples: {sizes}")
    return next(iter(sizes.values()))
