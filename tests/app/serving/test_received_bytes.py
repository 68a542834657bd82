"""The limit on the memory of requests that are being received."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from app.errors import ReceiveBufferFull
from app.serving.received_bytes import Body, ReceivedBytes
from tests.app.http.wire import (
    HEAD,
    connect,
    read_responses,
    read_statuses,
    rejected_requests,
    still_serves,
)
from tests.app.process import Process


def test_a_body_has_the_pieces_that_were_added():
    body = Body(ReceivedBytes(100))
    assert body.content == b""
    body.add(b"ab")
    assert body.content == b"ab"
    body.add(b"c")
    body.add(b"d")

    assert bytes(body.content) == b"abcd"


def test_a_body_can_be_moved_into_a_buffer_for_the_whole():
    received = ReceivedBytes(100)
    body = Body(received)
    body.add(b"ab")
    buffer = memoryview(bytearray(4))

    rest = body.move_into(buffer)
    rest[:] = b"cd"

    assert bytes(body.content) == b"abcd"
    assert received.held == 4


def test_all_bodies_together_are_bounded_and_released_bytes_are_free_again():
    received = ReceivedBytes(10)
    first, second = Body(received), Body(received)
    first.add(b"x" * 6)
    with pytest.raises(ReceiveBufferFull) as caught:
        second.add(b"x" * 5)
    assert caught.value.retry_after == 1
    with pytest.raises(ReceiveBufferFull):
        second.move_into(memoryview(bytearray(5)))

    first.release()
    second.add(b"x" * 5)

    assert received.held == 5


def test_announced_bytes_must_fit_but_are_not_counted_before_they_arrive():
    received = ReceivedBytes(10)
    received.add(4, announced=6)
    assert received.held == 4
    with pytest.raises(ReceiveBufferFull):
        received.add(0, announced=7)


def test_bodies_beyond_the_limit_get_503_and_the_others_are_answered(start: Callable[..., Process]):
    server = start(max_received_bytes=5_000_000)
    server.wait_for("/health/ready")
    length = 2_000_000
    body = b"[0,0,0,0,0,0" + b" " * (length - 13) + b"]"
    with ExitStack() as stack:
        held = [stack.enter_context(connect(server)) for _ in range(2)]
        for connection in held:
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % length + body[:-1])
        time.sleep(0.3)
        with connect(server) as connection:
            connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % length)
            ((status, headers, text),) = read_responses(connection, 1)
        # A chunked body, which does not announce its length, is refused as well.
        with connect(server) as connection:
            connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b" % (length, body))
            assert read_statuses(connection, 1) == [503]
        assert still_serves(server)
        for connection in held:
            connection.sendall(body[-1:])
            assert read_statuses(connection, 1) == [200]

    assert (status, headers["retry-after"]) == (503, "1")
    assert "memory" in json.loads(text)["detail"]
    assert rejected_requests(server, "memory") == 2
    with connect(server) as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % length + body)
        assert read_statuses(connection, 1) == [200]
