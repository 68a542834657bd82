"""Heads, bodies and answers, whatever carries them."""

import gzip
import zlib

import pytest

from app.messages import COMPRESSED_FROM, LONG, Answer, Codec, Head
from app.predict import Predict
from app.protocol_v2 import ProtocolV2
from app.signature import Signature


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"gzip", "gzip"),
        (b"deflate", "deflate"),
        (b"gzip, deflate", "gzip"),
        (b"br, GZIP;q=0.5", "gzip"),
        (b"gzip;q=0, deflate", "deflate"),
        (b"gzip; q=0.000 ,deflate;q=0.001", "deflate"),
        (b"gzip;q=0", None),
        (b"br", None),
        (b"identity", None),
        (b"xgzip", None),
        (b"", None),
    ],
)
def test_an_answers_coding_is_one_that_the_client_accepts(accepted: bytes, coding: str | None):
    assert Head({b"accept-encoding": accepted}).coding == coding


def test_a_client_that_does_not_say_gets_the_answer_as_it_is():
    assert Head({}).coding is None


def taking(datatype: str) -> Signature:
    tensor = {"name": "x", "datatype": datatype, "shape": [-1, 2]}
    rest = {"labels": None, "activation": None, "image": None}
    whole = {
        "name": "m",
        "version": "1",
        "formats": [],
        "inputs": [tensor],
        "outputs": [{**tensor, "name": "y"}],
        **rest,
    }
    return Signature.model_validate(whole)


@pytest.mark.parametrize(
    ("codec", "headers", "datatype", "length", "quick"),
    [
        (Predict(), {}, "FP32", LONG, True),
        (Predict(), {}, "FP32", LONG + 1, False),
        (Predict(), {b"content-type": b"application/octet-stream"}, "FP32", 100 * LONG, True),
        (Predict(), {b"content-type": b"image/png"}, "FP32", 100, False),
        (ProtocolV2(), {}, "FP32", LONG + 1, False),
        (ProtocolV2(), {b"inference-header-content-length": b"100"}, "FP32", 100 * LONG, True),
        (ProtocolV2(), {b"inference-header-content-length": b"100"}, "BYTES", LONG + 1, False),
        (ProtocolV2(), {b"inference-header-content-length": b"%d" % (LONG + 1)}, "FP32", 100 * LONG, False),
    ],
)
def test_only_what_is_read_at_once_is_read_on_the_event_loop(
    codec: Codec, headers: dict[bytes, bytes], datatype: str, length: int, quick: bool
):
    assert codec.is_quick(length, Head(headers), taking(datatype)) == quick


@pytest.mark.parametrize(("coding", "decompress"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_a_long_answer_is_compressed_and_says_so(coding: str, decompress):
    answer = Answer(200, b"0" * COMPRESSED_FROM, headers={"own": "kept"}, reason="kept")

    compressed = answer.compressed(coding)

    assert decompress(compressed.body) == answer.body
    assert len(compressed.body) < len(answer.body)
    assert compressed.headers == {"own": "kept", "content-encoding": coding, "vary": "accept-encoding"}
    assert (compressed.status, compressed.reason) == (200, "kept")


@pytest.mark.parametrize(("length", "coding"), [(COMPRESSED_FROM - 1, "gzip"), (COMPRESSED_FROM, None)])
def test_a_short_answer_or_one_for_a_client_that_does_not_accept_it_is_not(length: int, coding: str | None):
    answer = Answer(200, b"0" * length)

    assert answer.compressed(coding) is answer


@pytest.mark.parametrize(
    ("value", "token"),
    [(None, "application/json"), (b" Text/Plain ; charset=utf-8", "text/plain"), (b"", "application/json")],
)
def test_a_content_type_is_read_without_parameters_and_case(value: bytes | None, token: str):
    headers = {} if value is None else {b"content-type": value}

    assert Head(headers).content_type == token


def test_a_timeout_is_read_as_seconds():
    name = b"x-envoy-expected-rq-timeout-ms"

    assert Head({name: b"1500"}).timeout_seconds == 1.5
    assert Head({name: b"0"}).timeout_seconds == 0
    assert Head({}).timeout_seconds is None
