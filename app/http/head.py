"""The headers that an inference request may have."""

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
"""The headers that inference uses, in lower case. All other headers are ignored.

`traceparent` and `tracestate`: https://www.w3.org/TR/trace-context/.
`x-envoy-expected-rq-timeout-ms`: how long the client waits, in milliseconds. Envoy sets it when it forwards a
request: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
"""

_HEADERS = frozenset(HEADERS)
_LIST_HEADERS = frozenset({b"content-encoding", b"accept-encoding", b"tracestate"})

_MEDIA_TYPE_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}
"""The registered media type for each unofficial name that clients use."""

MAX_DIGITS = 18
"""Maximum number of digits of a number in a header, without leading zeros."""


def select_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers of a request that are in `HEADERS`.

    A list header that is repeated is joined with commas (https://www.rfc-editor.org/rfc/rfc9110#section-5.3).
    Of any other header that is repeated, the last value is used.

    Args:
        headers: name and value of each header of the request; names in lower case.

    """
    selected: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _HEADERS:
            is_repeated_list = name in _LIST_HEADERS and name in selected
            selected[name] = selected[name] + b"," + value if is_repeated_list else value
    return selected


class RequestHead:
    """Typed access to the headers of an inference request."""

    __slots__ = ("content_encodings", "content_type", "headers")

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        """Parse the content type and the content encodings.

        Args:
            headers: the request's headers that are in `HEADERS`, as `select_headers` returns them.

        """
        self.headers = headers
        self.content_type = _media_type(headers.get(b"content-type")) or JSON
        """The media type without parameters, in lower case; JSON if the client sends none."""

        self.content_encodings = codings.parse_content_encoding(headers.get(b"content-encoding"))
        """The content codings in the order in which the client applied them; empty for an uncoded body."""

    @property
    def request_id(self) -> str | None:
        """The request's id; None if the transport did not set one."""
        value = self.headers.get(identity.REQUEST_ID)
        return value.decode("latin-1") if value else None

    @property
    def content_length(self) -> int:
        """The declared length of the body in bytes; 0 if it is not declared.

        Raises:
            InvalidInput: the header is not a number.

        """
        return self._number(b"content-length") or 0

    @property
    def json_length(self) -> int | None:
        """How many bytes of the body are JSON; binary tensors follow them. None if all of it is JSON.

        Raises:
            InvalidInput: the header is not a number.

        """
        return self._number(b"inference-header-content-length")

    @property
    def timeout_seconds(self) -> float | None:
        """How long the client waits for the response; None if it does not say.

        Raises:
            InvalidInput: the header is not a number.

        """
        milliseconds = self._number(b"x-envoy-expected-rq-timeout-ms")
        return milliseconds and milliseconds / 1000

    @property
    def response_coding(self) -> str | None:
        """The content coding for the response: one that the client accepts and this server can write."""
        return codings.choose_response_coding(self.headers.get(b"accept-encoding"))

    def _number(self, name: bytes) -> int | None:
        value = self.headers.get(name)
        return None if value is None else _parse_number(name, value)


@lru_cache(maxsize=256)
def _parse_number(name: bytes, value: bytes) -> int:
    digits = value.lstrip(b"0") or b"0"
    # Refuse more than 18 digits: no valid value is longer, and int() is quadratic in the digits.
    if not value.isdigit() or len(digits) > MAX_DIGITS:
        raise InvalidInput(f"{name.decode()}: {value[:40].decode('latin-1')!r} is not a number")
    return int(digits)


@lru_cache(maxsize=256)
def _media_type(value: bytes | None) -> str:
    """Return a Content-Type without parameters, in lower case, aliases replaced by the registered name."""
    name = value.partition(b";")[0].strip().lower().decode("latin-1") if value else ""
    return _MEDIA_TYPE_ALIASES.get(name, name)
