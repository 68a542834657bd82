"""Lets pages of other origins call the server: https://fetch.spec.whatwg.org/#http-cors-protocol.

Keys are sent in headers and not in cookies, so `Access-Control-Allow-Credentials` is never sent.
"""

from collections.abc import Iterable

from app.http.access import AUTHORIZATION, X_API_KEY
from app.http.head import HEADERS as INFERENCE_HEADERS
from app.http.request import Headers, Request

ANY_ORIGIN = "*"
MAX_AGE_SECONDS = 600
"""How long a browser may use the answer to a preflight request again."""

ALLOWED_HEADERS = ", ".join(
    name.decode() for name in (AUTHORIZATION, X_API_KEY, *INFERENCE_HEADERS) if name != b"content-length"
)
"""The request headers that a page may set. Not `*`, which does not stand for Authorization."""

_EXPOSED = (
    b"access-control-expose-headers",
    b"x-request-id, retry-after, www-authenticate, inference-header-content-length",
)
"""The response headers that a page may read, beside those that it may always read."""

_ORIGIN = b"origin"
_REQUESTED_METHOD = b"access-control-request-method"
_VARY: Headers = [(b"vary", _ORIGIN)]


class Cors:
    """The origins whose pages may call the server."""

    def __init__(self, origins: Iterable[str]) -> None:
        """Allow these origins; `*` allows all."""
        self._origins = frozenset(origin.encode() for origin in origins)
        self._allows_any = ANY_ORIGIN.encode() in self._origins

    def headers(self, request: Request | None) -> Headers:
        """Return the headers of every response.

        Args:
            request: the request; None if it could not be parsed.

        """
        if self._allows_any:
            return [(b"access-control-allow-origin", b"*"), _EXPOSED]
        origin = _value(request.headers if request else (), _ORIGIN)
        if origin not in self._origins:
            return _VARY
        return [*_VARY, (b"access-control-allow-origin", origin), _EXPOSED]


def is_preflight(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether an OPTIONS request is a preflight request; its headers have names in lower case."""
    return {_ORIGIN, _REQUESTED_METHOD} <= {name for name, _ in headers}


def preflight_headers(methods: Iterable[str]) -> dict[str, str]:
    """Return the headers of the answer to a preflight request, beside those of `Cors.headers`.

    Args:
        methods: that the path of the request supports.

    """
    return {
        "access-control-allow-methods": ", ".join(methods),
        "access-control-allow-headers": ALLOWED_HEADERS,
        "access-control-max-age": str(MAX_AGE_SECONDS),
    }


def _value(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return the value of a header; nothing if it is missing or repeated."""
    values = [value for known, value in headers if known == name]
    return values[0] if len(values) == 1 else b""
