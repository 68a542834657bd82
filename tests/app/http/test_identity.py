"""The ids of requests and traces."""

import pytest

from app.http.identity import MAX_ID_CHARACTERS, request_id, trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()


def test_a_request_keeps_its_own_id():
    assert request_id([(b"traceparent", PARENT), (b"x-request-id", b"a-1")]) == "a-1"


def test_a_request_without_an_id_gets_the_id_of_its_trace():
    assert request_id([(b"traceparent", PARENT)]) == TRACE


def test_a_request_without_an_id_and_a_trace_gets_a_new_id():
    assert request_id([]) != request_id([])


@pytest.mark.parametrize("value", [b"", b"a b", b'"', b"\xff", b"a\x00", b"x" * (MAX_ID_CHARACTERS + 1)])
def test_an_invalid_request_id_is_replaced(value: bytes):
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
def test_an_invalid_traceparent_has_no_trace_id(value: bytes):
    # https://www.w3.org/TR/trace-context/#traceparent-header-field-values
    assert trace_id(value) is None


def test_a_traceparent_of_a_later_version_may_have_more_fields():
    assert trace_id(PARENT.replace(b"00-", b"01-", 1) + b"-more") == TRACE
