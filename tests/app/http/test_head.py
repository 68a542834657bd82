"""The headers of a request to inference."""

import pytest

from app.http.head import RequestHead


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
    assert RequestHead({b"accept-encoding": accepted}).coding == coding


def test_a_client_that_does_not_say_gets_the_answer_as_it_is():
    assert RequestHead({}).coding is None


@pytest.mark.parametrize(
    ("value", "token"),
    [(None, "application/json"), (b" Text/Plain ; charset=utf-8", "text/plain"), (b"", "application/json")],
)
def test_a_content_type_is_read_without_parameters_and_case(value: bytes | None, token: str):
    headers = {} if value is None else {b"content-type": value}

    assert RequestHead(headers).content_type == token


def test_a_timeout_is_read_as_seconds():
    name = b"x-envoy-expected-rq-timeout-ms"

    assert RequestHead({name: b"1500"}).timeout_seconds == 1.5
    assert RequestHead({name: b"0"}).timeout_seconds == 0
    assert RequestHead({}).timeout_seconds is None
