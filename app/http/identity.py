"""The id of a request and the id of its trace, by which it is found in logs and traces."""

import itertools
import re
import secrets
from collections.abc import Iterable

REQUEST_ID = b"x-request-id"
TRACEPARENT = b"traceparent"
ID_HEADERS = frozenset({REQUEST_ID, TRACEPARENT})

MAX_ID_CHARACTERS = 128

_ID = re.compile(rb"[0-9A-Za-z\-._~:/+=@]{1,%d}" % MAX_ID_CHARACTERS)
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
"""version "-" trace-id "-" parent-id "-" trace-flags: https://www.w3.org/TR/trace-context/#traceparent-header."""

_process_id = secrets.token_hex(8)
_request_numbers = itertools.count(1)


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id of a request: its X-Request-ID, else the id of its trace, else a new one.

    An X-Request-ID that is too long or has other characters than `_ID` allows is ignored, because the id is
    written to the log.

    Args:
        headers: name and value of each header of the request; names in lower case.

    """
    trace = None
    for name, value in headers:
        if name == REQUEST_ID and _ID.fullmatch(value):
            return value.decode()
        if name == TRACEPARENT:
            trace = trace_id(value)
    return trace or f"{_process_id}-{next(_request_numbers):012x}"


def trace_id(traceparent: bytes) -> str | None:
    """Return the trace id in a traceparent header, 32 hexadecimal digits; None if the header is invalid."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1].decode() if match else None
