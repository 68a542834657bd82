"""Content codings (compression) of bodies: https://www.rfc-editor.org/rfc/rfc9110#section-8.4."""

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
"""zlib's `wbits` for each supported coding. The first coding is preferred for responses."""

RAW_DEFLATE_WINDOW_BITS = -zlib.MAX_WBITS
"""zlib's `wbits` for clients that send "deflate" without the zlib header (section 8.4.1.2)."""

MAX_CODINGS = 4
"""Maximum number of codings that may be applied to one body, one after the other."""

MAX_GZIP_MEMBERS = 100
"""Maximum number of members of a gzip body. Decoding a member copies all bytes that follow it."""

_ALIASES = {"x-gzip": GZIP}
"""Section 8.4.1.3."""

_ZERO_WEIGHT = re.compile(r";\s*q=0(\.0*)?\s*$")
"""A coding that the client does not accept: https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2."""


@lru_cache(maxsize=256)
def parse_content_encoding(value: bytes | None) -> tuple[str, ...]:
    """Return the codings of a body in the order in which they were applied, without "identity".

    Args:
        value: the Content-Encoding header; None if there is none.

    """
    names = (value or b"").decode("latin-1").lower().split(",")
    return tuple(_ALIASES.get(name, name) for name in map(str.strip, names) if name not in {"", IDENTITY})


def choose_response_coding(accept_encoding: bytes | None) -> str | None:
    """Return the coding for a response.

    Args:
        accept_encoding: the Accept-Encoding header; None if there is none.

    Returns:
        The preferred coding of this server that the client accepts; None if there is none.

    """
    if not accept_encoding:
        return None
    items = accept_encoding.decode("latin-1").lower().split(",")
    names = {item.partition(";")[0].strip() for item in items if not _ZERO_WEIGHT.search(item)}
    accepted = {_ALIASES.get(name, name) for name in names}
    return next((coding for coding in WINDOW_BITS if coding in accepted), None)


def check_supported(codings: Sequence[str]) -> None:
    """Check that this server can decode the codings of a body.

    Raises:
        Problem: 415, with the supported codings.

    """
    if len(codings) <= MAX_CODINGS and all(coding in WINDOW_BITS for coding in codings):
        return
    raise Problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"content-encoding {', '.join(codings)!r} is not supported; "
        f"send the body uncompressed, or with the encoding {' or '.join(WINDOW_BITS)}",
        headers={"accept-encoding": ", ".join((*WINDOW_BITS, IDENTITY))},
    )


def compress(body: bytes, coding: str) -> bytes:
    """Return a body encoded in a coding."""
    # The fastest level: a client is waiting for this response.
    compressor = zlib.compressobj(level=1, wbits=WINDOW_BITS[coding])
    return compressor.compress(body) + compressor.flush()


def decompress(body: bytes | memoryview, codings: Sequence[str], limit: int) -> bytes | memoryview:
    """Return a body with all of its codings decoded.

    Args:
        body: as it was received.
        codings: in the order in which the client applied them; they are decoded in reverse order.
        limit: maximum number of bytes after each decoding.

    Raises:
        Problem: 400 if the body is not valid in its coding, 413 if it decodes to more than `limit` bytes.

    """
    for coding in reversed(codings):
        body = _gunzip(body, limit) if coding == GZIP else _inflate(body, limit)
    return body


def body_too_large(limit: int) -> Problem:
    """Return the 413 problem for a body of more than `limit` bytes."""
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes")


def _gunzip(body: bytes | memoryview, limit: int) -> bytes:
    """Decode gzip, which may have several members, one after the other (RFC 1952, section 2.2)."""
    members: list[bytes] = []
    remaining = limit
    for _ in range(MAX_GZIP_MEMBERS):
        member, body = _decompress_member(body, GZIP, WINDOW_BITS[GZIP], remaining, limit)
        members.append(member)
        remaining -= len(member)
        if not body:
            return b"".join(members)
    raise _invalid(GZIP, f"it has more than {MAX_GZIP_MEMBERS} members")


def _inflate(body: bytes | memoryview, limit: int) -> bytes:
    # The compression method and the check bits of the zlib header: RFC 1950, section 2.2.
    has_header = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
    window_bits = WINDOW_BITS[DEFLATE] if has_header else RAW_DEFLATE_WINDOW_BITS
    plain, rest = _decompress_member(body, DEFLATE, window_bits, limit, limit)
    if rest:
        raise _invalid(DEFLATE, "more bytes follow its end")
    return plain


def _decompress_member(
    body: bytes | memoryview, coding: str, window_bits: int, remaining: int, limit: int
) -> tuple[bytes, bytes]:
    """Decode the first member of a body.

    Args:
        body: the member and what follows it.
        coding: for error messages.
        window_bits: zlib's `wbits`.
        remaining: maximum number of bytes of the decoded member.
        limit: maximum number of bytes of the whole decoded body, for error messages.

    Returns:
        The decoded member, and the encoded bytes that follow it.

    """
    decompressor = zlib.decompressobj(wbits=window_bits)
    try:
        # Limit the output: a small body can decode to a thousand times its size.
        plain = decompressor.decompress(body, remaining + 1)
    except zlib.error as error:
        raise _invalid(coding, str(error)) from None
    if len(plain) > remaining:
        raise body_too_large(limit)
    if not decompressor.eof:
        raise _invalid(coding, "it ends early")
    return plain, decompressor.unused_data


def _invalid(coding: str, why: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, f"the body is not valid {coding}: {why}")
