"""The encoding of responses."""

import gzip
import zlib

import pytest

from app.http.response import MIN_COMPRESSED_BYTES, compress_response
from app.protocols.messages import Response


@pytest.mark.parametrize(("coding", "decompress"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_a_long_response_is_compressed_and_has_the_headers_for_it(coding: str, decompress):
    response = Response(200, b"0" * MIN_COMPRESSED_BYTES, headers={"name": "value"}, reason="reason")

    compressed = compress_response(response, coding)

    assert decompress(compressed.body) == response.body
    assert len(compressed.body) < len(response.body)
    assert compressed.headers == {"name": "value", "content-encoding": coding, "vary": "accept-encoding"}
    assert (compressed.status, compressed.reason) == (200, "reason")


@pytest.mark.parametrize(
    ("length", "coding"), [(MIN_COMPRESSED_BYTES - 1, "gzip"), (MIN_COMPRESSED_BYTES, None)]
)
def test_a_short_or_unaccepted_response_is_not_compressed(length: int, coding: str | None):
    response = Response(200, b"0" * length)

    assert compress_response(response, coding) is response
