"""Content codings, as RFC 9110, section 8.4, has them."""

import gzip
import zlib

import pytest

from app import codings
from app.codings import MOST_MEMBERS, applied, decompressed
from app.problems import Problem

BODY = b"[0,1,2,3,4,5]" * 10
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
INFLATED = RAW.compress(BODY) + RAW.flush()


def refused(body: bytes, *names: str, limit: int = 1000) -> Problem:
    with pytest.raises(Problem) as caught:
        decompressed(body, names, limit)
    return caught.value


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (None, ()),
        (b"", ()),
        (b"identity", ()),
        (b"gzip", ("gzip",)),
        # Section 8.4.1.3: "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"".
        (b"X-GZip", ("gzip",)),
        (b"deflate , gzip", ("deflate", "gzip")),
        (b"gzip,,identity", ("gzip",)),
        (b"br", ("br",)),
    ],
)
def test_the_codings_of_a_body_are_read_in_their_order(header: bytes | None, names: tuple[str, ...]):
    assert applied(header) == names


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (BODY, ()),
        (gzip.compress(BODY), ("gzip",)),
        # RFC 1950, and RFC 1951 alone: section 8.4.1.2.
        (zlib.compress(BODY), ("deflate",)),
        (zlib.compress(BODY, level=0), ("deflate",)),
        (INFLATED, ("deflate",)),
        # The first was applied first.
        (gzip.compress(zlib.compress(BODY)), ("deflate", "gzip")),
        (zlib.compress(gzip.compress(gzip.compress(BODY))), ("gzip", "gzip", "deflate")),
        # RFC 1952, section 2.2.
        (gzip.compress(BODY[:50]) + gzip.compress(b"") + gzip.compress(BODY[50:]), ("gzip",)),
    ],
)
def test_codings_are_undone(body: bytes, names: tuple[str, ...]):
    assert decompressed(body, names, len(gzip.compress(BODY)) + len(BODY)) == BODY


@pytest.mark.parametrize("body", [b"", b"?", gzip.compress(BODY)[:-1], gzip.compress(BODY) + b"?", BODY])
def test_what_is_not_gzip_is_refused(body: bytes):
    assert refused(body, "gzip").status == 400


@pytest.mark.parametrize(
    "body", [b"", b"\xff", zlib.compress(BODY)[:-1], zlib.compress(BODY) + b"?", INFLATED + b"?"]
)
def test_what_is_not_deflate_is_refused(body: bytes):
    assert refused(body, "deflate").status == 400


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (gzip.compress(b" " * 1001), ("gzip",)),
        (zlib.compress(b" " * 1001), ("deflate",)),
        (gzip.compress(b" " * 600) * 2, ("gzip",)),
        # Too long on the way already.
        (gzip.compress(gzip.compress(bytes(range(256)) * 5, compresslevel=0)), ("gzip", "gzip")),
    ],
)
def test_what_unpacks_to_too_much_is_refused(body: bytes, names: tuple[str, ...]):
    assert refused(body, *names).status == 413


def test_members_without_end_are_refused():
    assert refused(gzip.compress(b"") * (MOST_MEMBERS + 1), "gzip").status == 400


@pytest.mark.parametrize("names", [("br",), ("gzip", "br"), ("gzip",) * 5])
def test_codings_that_are_unknown_or_too_many_are_told(names: tuple[str, ...]):
    with pytest.raises(Problem) as caught:
        codings.check(names)

    assert caught.value.status == 415
    assert caught.value.headers == {"accept-encoding": "gzip, deflate, identity"}


def test_an_answer_may_be_asked_for_by_the_old_name():
    assert codings.acceptable(b"x-gzip") == "gzip"
