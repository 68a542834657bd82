"""Checks the API key of a request from its head alone, before its body is read."""

from http import HTTPStatus

from app.http.problems import Problem
from app.http.request import Request
from app.http.routes import DOCUMENT_PATHS, DOCUMENT_PREFIXES, PROBE_PATHS
from app.serving.api_keys import ApiKeys
from app.serving.metrics import KEY_MISSING, KEY_WRONG

AUTHORIZATION = b"authorization"
X_API_KEY = b"x-api-key"
_KEY_HEADERS = frozenset({AUTHORIZATION, X_API_KEY})

_CHALLENGE = 'Bearer realm="slipway"'
"""The value of WWW-Authenticate, which 401 must have: https://www.rfc-editor.org/rfc/rfc6750#section-3."""

NO_KEYS = "the server has no API keys; its log says why"
_HOW = "send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`"


class Access:
    """Requires an API key for everything but health probes, the pages and the OpenAPI document."""

    def __init__(self, keys: ApiKeys, root_path: str) -> None:
        """Create the check.

        Args:
            keys: the keys that are accepted.
            root_path: the prefix that the paths of requests may have.

        """
        self._keys = keys
        self._root_path = root_path.encode()

    def check(self, request: Request) -> None:
        """Check that a request may be answered.

        Raises:
            Problem: 401 without an API key or with a wrong one, 400 if a header with a key is repeated, 503
                if the server itself has no keys.

        """
        if self._is_open(request):
            return
        key = _sent_key(request.headers)
        if self._keys.is_empty:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, NO_KEYS, headers={"retry-after": "1"})
        if key is None:
            raise _unauthorized(f"this server needs an API key: {_HOW}", _CHALLENGE, KEY_MISSING)
        if not self._keys.accepts(key):
            challenge = f'{_CHALLENGE}, error="invalid_token"'
            raise _unauthorized(f"the API key is not one of this server's: {_HOW}", challenge, KEY_WRONG)

    def _is_open(self, request: Request) -> bool:
        """Tell whether a request needs no key. OPTIONS needs none: browsers send it without any."""
        path = request.target.partition(b"?")[0].removeprefix(self._root_path) or b"/"
        return (
            path in PROBE_PATHS
            or path in DOCUMENT_PATHS
            or path.startswith(DOCUMENT_PREFIXES)
            or request.method == "OPTIONS"
        )


def _sent_key(headers: tuple[tuple[bytes, bytes], ...]) -> bytes | None:
    """Return the key that a request has in X-API-Key or, without that header, in Authorization.

    Raises:
        Problem: 400 if one of the two is repeated (RFC 6750, section 3.1; RFC 9110, section 5.3).

    """
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _KEY_HEADERS:
            if name in values:
                raise Problem(
                    HTTPStatus.BAD_REQUEST,
                    f"the header {name.decode()} is repeated; send one API key",
                    headers={"www-authenticate": f'{_CHALLENGE}, error="invalid_request"'},
                )
            values[name] = value
    if X_API_KEY in values:
        return values[X_API_KEY]
    # The name of the scheme has no case: RFC 9110, section 11.1.
    scheme, _, token = values.get(AUTHORIZATION, b"").partition(b" ")
    return token.lstrip(b" ") if scheme.lower() == b"bearer" else None


def _unauthorized(detail: str, challenge: str, reason: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"www-authenticate": challenge}, reason=reason)
