"""The headers of a request to inference that the server reads."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from app.errors import InvalidInput
from app.http import codings, identity
from app.protocols.messages import JSON

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


class RequestHead:
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
            InvalidInput: the header is not a number.

        """
        return self._natural(b"inference-header-content-length")

    @property
    def timeout_seconds(self) -> float | None:
        """How long the client waits; None where it does not say.

        Raises:
            InvalidInput: the header is not a number.

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
        # Refuse more than 18 digits: no valid value is longer, and int() is quadratic in the digits.
        if not value.isdigit() or len(digits) > MOST_DIGITS:
            raise InvalidInput(f"{name.decode()}: {value[:40].decode('latin-1')!r} is not a number")
        return int(digits)


@lru_cache(maxsize=256)
def _token(value: bytes | None) -> str:
    """Return a header's value without parameters, in small letters, by its right name."""
    token = value.partition(b";")[0].strip().lower().decode("latin-1") if value else ""
    return _SAME.get(token, token)
