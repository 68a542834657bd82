"""Answers as they go over the connection."""

import gzip
import zlib

import pytest

from app.http.response import COMPRESSED_FROM, compressed
from app.protocols.messages import Response


@pytest.mark.parametrize(("coding", "decompress"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_a_long_answer_is_compressed_and_says_so(coding: str, decompress):
    response = Response(200, b"0" * COMPRESSED_FROM, headers={"own": "kept"}, reason="kept")

    smaller = compressed(response, coding)

    assert decompress(smaller.body) == response.body
    assert len(smaller.body) < len(response.body)
    assert smaller.headers == {"own": "kept", "content-encoding": coding, "vary": "accept-encoding"}
    assert (smaller.status, smaller.reason) == (200, "kept")


@pytest.mark.parametrize(("length", "coding"), [(COMPRESSED_FROM - 1, "gzip"), (COMPRESSED_FROM, None)])
def test_a_short_answer_or_one_for_a_client_that_does_not_accept_it_is_not(length: int, coding: str | None):
    response = Response(200, b"0" * length)

    assert compressed(response, coding) is response
