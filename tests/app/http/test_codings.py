"""Content codings, as RFC 9110, section 8.4, defines them."""

import gzip
import tracemalloc
import zlib

import pytest

from app.http import codings
from app.http.codings import MAX_GZIP_MEMBERS, decompress, parse_content_encoding
from app.http.problems import Problem


def gzipped(body: bytes, level: int = 9) -> bytes:
    # Without the time: pytest-xdist needs the same test parameters in each worker.
    return gzip.compress(body, level, mtime=0)


BODY = b"[0,1,2,3,4,5]" * 10
RAW_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
RAW_DEFLATED = RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush()


def problem_of(body: bytes, *names: str, limit: int = 1000) -> Problem:
    with pytest.raises(Problem) as caught:
        decompress(body, names, limit)
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
def test_content_encoding_is_parsed_in_the_order_of_its_codings(header: bytes | None, names: tuple[str, ...]):
    assert parse_content_encoding(header) == names


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (BODY, ()),
        (gzipped(BODY), ("gzip",)),
        # With the header of RFC 1950, and without it: RFC 9110, section 8.4.1.2.
        (zlib.compress(BODY), ("deflate",)),
        (zlib.compress(BODY, level=0), ("deflate",)),
        (RAW_DEFLATED, ("deflate",)),
        # The coding that is first was applied first.
        (gzipped(zlib.compress(BODY)), ("deflate", "gzip")),
        (zlib.compress(gzipped(gzipped(BODY))), ("gzip", "gzip", "deflate")),
        # Several members: RFC 1952, section 2.2.
        (gzipped(BODY[:50]) + gzipped(b"") + gzipped(BODY[50:]), ("gzip",)),
    ],
)
def test_a_body_is_decoded_from_all_of_its_codings(body: bytes, names: tuple[str, ...]):
    assert decompress(body, names, len(gzipped(BODY)) + len(BODY)) == BODY


@pytest.mark.parametrize("body", [b"", b"?", gzipped(BODY)[:-1], gzipped(BODY) + b"?", BODY])
def test_a_body_that_is_not_valid_gzip_is_problem_of(body: bytes):
    assert problem_of(body, "gzip").status == 400


@pytest.mark.parametrize(
    "body", [b"", b"\xff", zlib.compress(BODY)[:-1], zlib.compress(BODY) + b"?", RAW_DEFLATED + b"?"]
)
def test_a_body_that_is_not_valid_deflate_is_problem_of(body: bytes):
    assert problem_of(body, "deflate").status == 400


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (gzipped(b" " * 1001), ("gzip",)),
        (zlib.compress(b" " * 1001), ("deflate",)),
        (gzipped(b" " * 600) * 2, ("gzip",)),
        # Too long after the first decoding.
        (gzipped(gzipped(bytes(range(256)) * 5, level=0)), ("gzip", "gzip")),
    ],
)
def test_a_body_that_decodes_to_more_than_the_limit_is_problem_of(body: bytes, names: tuple[str, ...]):
    assert problem_of(body, *names).status == 413


def test_a_gzip_body_with_too_many_members_is_refused():
    assert problem_of(gzipped(b"") * (MAX_GZIP_MEMBERS + 1), "gzip").status == 400


@pytest.mark.parametrize("names", [("br",), ("gzip", "br"), ("gzip",) * 5])
def test_unknown_or_too_many_codings_are_refused_with_the_supported_ones(names: tuple[str, ...]):
    with pytest.raises(Problem) as caught:
        codings.check_supported(names)

    assert caught.value.status == 415
    assert caught.value.headers == {"accept-encoding": "gzip, deflate, identity"}


def test_the_old_name_of_gzip_is_accepted_for_responses():
    assert codings.choose_response_coding(b"x-gzip") == "gzip"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_decompression_stops_at_the_limit(coding: str):
    plain = bytes(20_000_000)
    bomb = gzipped(plain) if coding == "gzip" else zlib.compress(plain)
    tracemalloc.start()

    problem = problem_of(bomb, coding, limit=100_000)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problem.status == 413
    assert peak < 1_000_000
