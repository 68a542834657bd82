"""By what a request is found again."""

import pytest

from app.http.identity import MOST_CHARACTERS, request_id, trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()


def test_a_request_keeps_the_id_that_it_brings():
    assert request_id([(b"traceparent", PARENT), (b"x-request-id", b"a-1")]) == "a-1"


def test_without_one_it_has_that_of_its_trace():
    assert request_id([(b"traceparent", PARENT)]) == TRACE


def test_without_either_it_gets_one_of_its_own():
    assert request_id([]) != request_id([])


@pytest.mark.parametrize("value", [b"", b"a b", b'"', b"\xff", b"a\x00", b"x" * (MOST_CHARACTERS + 1)])
def test_what_is_no_id_is_not_taken(value: bytes):
    assert request_id([(b"x-request-id", value)]) != value.decode("latin-1")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        PARENT.replace(b"b7ad6b7169203331", b"0" * 16),
        PARENT.upper(),
        PARENT[:-1],
        PARENT + b"x",
    ],
)
def test_what_is_no_traceparent_is_none(value: bytes):
    # https://www.w3.org/TR/trace-context/#traceparent-header-field-values
    assert trace_id(value) is None


def test_a_traceparent_of_a_later_version_may_say_more():
    assert trace_id(PARENT.replace(b"00-", b"01-", 1) + b"-more") == TRACE
