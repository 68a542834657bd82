"""Content codings: https://www.rfc-editor.org/rfc/rfc9110#section-8.4."""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

from app.http.problems import Problem

GZIP = "gzip"
DEFLATE = "deflate"
IDENTITY = "identity"

WINDOW_BITS = {GZIP: 16 + zlib.MAX_WBITS, DEFLATE: zlib.MAX_WBITS}
"""How zlib reads and writes what this server knows, the one that it prefers first."""

RAW = -zlib.MAX_WBITS
"""How zlib reads "deflate" of clients that leave out its header; section 8.4.1.2 knows of them."""

MOST_CODINGS = 4
"""Of one body, one upon the other."""

MOST_MEMBERS = 100
"""Of a gzip body. To go on after a member takes a copy of what follows it."""

_SAME = {"x-gzip": GZIP}
"""Section 8.4.1.3."""

_NOT_ACCEPTABLE = re.compile(r";\s*q=0(\.0*)?\s*$")
"""A weight of 0: https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2."""


@lru_cache(maxsize=256)
def applied(content_encoding: bytes | None) -> tuple[str, ...]:
    """Return the codings of a body in the order in which they were applied; none where it is as it is."""
    names = (content_encoding or b"").decode("latin-1").lower().split(",")
    return tuple(_SAME.get(name, name) for name in map(str.strip, names) if name not in {"", IDENTITY})


def acceptable(accept_encoding: bytes | None) -> str | None:
    """Return the coding that a client accepts for its answer and this server writes, if any."""
    if not accept_encoding:
        return None
    offered = accept_encoding.decode("latin-1").lower().split(",")
    names = {item.partition(";")[0].strip() for item in offered if not _NOT_ACCEPTABLE.search(item)}
    known = {_SAME.get(name, name) for name in names}
    return next((name for name in WINDOW_BITS if name in known), None)


def check(codings: Sequence[str]) -> None:
    """See that this server can undo the codings of a body.

    Raises:
        Problem: 415, naming those that it can.

    """
    if len(codings) <= MOST_CODINGS and all(coding in WINDOW_BITS for coding in codings):
        return
    raise Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"content-encoding {', '.join(codings)!r}; send the body as it is, or as {' or '.join(WINDOW_BITS)}",
        headers={"accept-encoding": ", ".join((*WINDOW_BITS, IDENTITY))},
    )


def compressed(body: bytes, coding: str) -> bytes:
    """Return a body in a coding."""
    # The fastest level: the answer is on its way to a client that waits.
    writer = zlib.compressobj(level=1, wbits=WINDOW_BITS[coding])
    return writer.compress(body) + writer.flush()


def decompressed(body: bytes | memoryview, codings: Sequence[str], limit: int) -> bytes | memoryview:
    """Return a body without its codings, the last of which is undone first.

    Raises:
        Problem: 400 where it is not so coded, 413 where it unpacks to more than `limit` bytes.

    """
    for coding in reversed(codings):
        body = _gunzipped(body, limit) if coding == GZIP else _inflated(body, limit)
    return body


def too_large(limit: int) -> Problem:
    """Return the problem of a body over the limit."""
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes")


def _gunzipped(body: bytes | memoryview, limit: int) -> bytes:
    """Undo gzip, which may hold several members, one after the other: RFC 1952, section 2.2."""
    members: list[bytes] = []
    room = limit
    for _ in range(MOST_MEMBERS):
        member, body = _member(body, GZIP, WINDOW_BITS[GZIP], room, limit)
        members.append(member)
        room -= len(member)
        if not body:
            return b"".join(members)
    raise _not_so_coded(GZIP, f"it has more than {MOST_MEMBERS} members")


def _inflated(body: bytes | memoryview, limit: int) -> bytes:
    # By the method and the check bits of RFC 1950, section 2.2.
    has_header = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
    bits = WINDOW_BITS[DEFLATE] if has_header else RAW
    plain, rest = _member(body, DEFLATE, bits, limit, limit)
    if rest:
        raise _not_so_coded(DEFLATE, "more bytes follow its end")
    return plain


def _member(body: bytes | memoryview, coding: str, bits: int, room: int, limit: int) -> tuple[bytes, bytes]:
    """Return what a body's first member unpacks to, and what follows that member."""
    reader = zlib.decompressobj(wbits=bits)
    try:
        # Never more than asked for: a small body can unpack to a thousand times its size.
        plain = reader.decompress(body, room + 1)
    except zlib.error as error:
        raise _not_so_coded(coding, str(error)) from None
    if len(plain) > room:
        raise too_large(limit)
    if not reader.eof:
        raise _not_so_coded(coding, "it ends early")
    return plain, reader.unused_data


def _not_so_coded(coding: str, why: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the body is not {coding}: {why}")
