"""The headers of an inference request."""

import pytest

from app.http.head import RequestHead


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
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
def test_the_response_coding_is_one_that_the_client_accepts(accept_encoding: bytes, coding: str | None):
    assert RequestHead({b"accept-encoding": accept_encoding}).response_coding == coding


def test_without_accept_encoding_the_response_is_not_compressed():
    assert RequestHead({}).response_coding is None


@pytest.mark.parametrize(
    ("value", "media_type"),
    [(None, "application/json"), (b" Text/Plain ; charset=utf-8", "text/plain"), (b"", "application/json")],
)
def test_a_content_type_is_parsed_without_parameters_and_in_lower_case(value: bytes | None, media_type: str):
    headers = {} if value is None else {b"content-type": value}

    assert RequestHead(headers).content_type == media_type


def test_a_timeout_in_milliseconds_is_converted_to_seconds():
    name = b"x-envoy-expected-rq-timeout-ms"

    assert RequestHead({name: b"1500"}).timeout_seconds == 1.5
    assert RequestHead({name: b"0"}).timeout_seconds == 0
    assert RequestHead({}).timeout_seconds is None
