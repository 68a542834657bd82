"""Content codings, as RFC 9110, section 8.4, has them."""

import gzip
import tracemalloc
import zlib

import pytest

from app.http import codings
from app.http.codings import MOST_MEMBERS, applied, decompressed
from app.http.problems import Problem


def gzipped(body: bytes, level: int = 9) -> bytes:
    # Without the time, for the workers of pytest-xdist must find the same tests.
    return gzip.compress(body, level, mtime=0)


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
        (gzipped(BODY), ("gzip",)),
        # RFC 1950, and RFC 1951 alone: section 8.4.1.2.
        (zlib.compress(BODY), ("deflate",)),
        (zlib.compress(BODY, level=0), ("deflate",)),
        (INFLATED, ("deflate",)),
        # The first was applied first.
        (gzipped(zlib.compress(BODY)), ("deflate", "gzip")),
        (zlib.compress(gzipped(gzipped(BODY))), ("gzip", "gzip", "deflate")),
        # RFC 1952, section 2.2.
        (gzipped(BODY[:50]) + gzipped(b"") + gzipped(BODY[50:]), ("gzip",)),
    ],
)
def test_codings_are_undone(body: bytes, names: tuple[str, ...]):
    assert decompressed(body, names, len(gzipped(BODY)) + len(BODY)) == BODY


@pytest.mark.parametrize("body", [b"", b"?", gzipped(BODY)[:-1], gzipped(BODY) + b"?", BODY])
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
        (gzipped(b" " * 1001), ("gzip",)),
        (zlib.compress(b" " * 1001), ("deflate",)),
        (gzipped(b" " * 600) * 2, ("gzip",)),
        # Too long on the way already.
        (gzipped(gzipped(bytes(range(256)) * 5, level=0)), ("gzip", "gzip")),
    ],
)
def test_what_unpacks_to_too_much_is_refused(body: bytes, names: tuple[str, ...]):
    assert refused(body, *names).status == 413


def test_members_without_end_are_refused():
    assert refused(gzipped(b"") * (MOST_MEMBERS + 1), "gzip").status == 400


@pytest.mark.parametrize("names", [("br",), ("gzip", "br"), ("gzip",) * 5])
def test_codings_that_are_unknown_or_too_many_are_told(names: tuple[str, ...]):
    with pytest.raises(Problem) as caught:
        codings.check(names)

    assert caught.value.status == 415
    assert caught.value.headers == {"accept-encoding": "gzip, deflate, identity"}


def test_an_answer_may_be_asked_for_by_the_old_name():
    assert codings.acceptable(b"x-gzip") == "gzip"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_is_never_unpacked_beyond_the_limit(coding: str):
    plain = bytes(20_000_000)
    bomb = gzipped(plain) if coding == "gzip" else zlib.compress(plain)
    tracemalloc.start()

    problem = refused(bomb, coding, limit=100_000)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problem.status == 413
    assert peak < 1_000_000
