"""By what a request is found again: its id, and the trace that it belongs to."""

import itertools
import re
import secrets
from collections.abc import Iterable

REQUEST_ID = b"x-request-id"
TRACEPARENT = b"traceparent"

MOST_CHARACTERS = 128

_ID = re.compile(rb"[0-9A-Za-z\-._~:/+=@]{1,%d}" % MOST_CHARACTERS)
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
"""version "-" trace-id "-" parent-id "-" trace-flags: https://www.w3.org/TR/trace-context/#traceparent-header."""

_process = secrets.token_hex(8)
_numbers = itertools.count(1)


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id of a request: its X-Request-ID, else its trace's, else a new one.

    A value that is no id, or a long one, is not taken: it goes into each line of the log.
    """
    trace = None
    for name, value in headers:
        if name == REQUEST_ID and _ID.fullmatch(value):
            return value.decode()
        if name == TRACEPARENT:
            trace = trace_id(value)
    return trace or f"{_process}-{next(_numbers):012x}"


def trace_id(traceparent: bytes) -> str | None:
    """Return the id of a trace, 32 hexadecimal digits; None where the header is no traceparent."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return found[1].decode() if found else None
