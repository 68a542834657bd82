"""The body of a request, however it is framed and cut: RFC 9112, sections 6 and 7."""

import tracemalloc

import pytest

from app.http.framing import CHUNKS_AT_ONCE, MAX_LINE_BYTES, Chunks, Length
from app.http.problems import Problem
from app.http.request import MAX_HEAD_BYTES


def taken(body: Length | Chunks, *pieces: bytes) -> tuple[bytes, bytes | None]:
    content = b""
    rest = None
    for piece in pieces:
        assert rest is None
        part, rest = body.take(piece)
        content += part
        while body.unread:
            part, rest = body.take(body.unread)
            content += part
    return content, rest


def refusal(body: Chunks, piece: bytes) -> int | None:
    try:
        body.take(piece)
    except Problem as problem:
        return problem.status
    return None


CHUNKED = b'3\r\nabc\r\n00a;x="y"\r\n0123456789\r\n0\r\nTrailer: dropped\r\n\r\nNEXT'


@pytest.mark.parametrize("size", range(1, len(CHUNKED) + 1))
def test_chunks_are_read_however_they_are_cut(size: int):
    body = Chunks()
    content, at = b"", 0
    rest = None
    while rest is None:
        part, rest = body.take(CHUNKED[at : at + size])
        content += part
        at += size

    assert content == b"abc0123456789"
    assert rest + CHUNKED[at:] == b"NEXT"


def test_a_body_of_a_length_is_read_however_it_is_cut():
    assert taken(Length(4), b"ab", b"cdNEXT") == (b"abcd", b"NEXT")
    assert taken(Length(4), b"ab", b"c") == (b"abc", None)
    body = Length(4)
    body.take(b"a")
    assert not body.skip(2)
    assert body.skip(1)


@pytest.mark.parametrize(
    "text",
    [
        b"x\r\n",
        b"\r\n",
        b";x\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b"3 \r\nabc\r\n",
        b"3\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3;\x00\r\nabc\r\n",
        b"1" * 17 + b"\r\n",
        b"0\r\nno field\r\n\r\n",
        b"0\r\nA : b\r\n\r\n",
        b"0\r\nA: b\r\n c\r\n\r\n",
        b"1;" + b"x" * MAX_LINE_BYTES,
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_malformed_chunks_are_refused(text: bytes, cut: bool):
    pieces = [bytes([byte]) for byte in text] if cut else [text]

    with pytest.raises(Problem) as caught:
        taken(Chunks(), *pieces)

    assert caught.value.status == 400


@pytest.mark.parametrize("line", [b"a:b\r\n", b"x" * 1000], ids=["lines", "one line"])
def test_trailers_without_end_are_refused(line: bytes):
    # RFC 6585, section 5.
    body = Chunks()
    body.take(b"0\r\n")
    sent = 0

    status = None
    while status is None:
        sent += len(line)
        status = refusal(body, line)

    assert status == 431
    assert sent < MAX_HEAD_BYTES + 2 * len(line)


def test_extensions_without_end_are_refused():
    # RFC 9112, section 7.1.1: "A server ought to limit the total length of chunk extensions".
    body = Chunks()
    chunk = b"1;" + b"x" * 1000 + b"\r\n!\r\n"

    assert [refusal(body, chunk) for _ in range(66)] == [None] * 65 + [431]


def test_many_chunks_are_read_in_turns():
    body = Chunks()
    content, rest = body.take(b"1\r\na\r\n" * (CHUNKS_AT_ONCE + 2))

    assert (content, rest) == (b"a" * CHUNKS_AT_ONCE, None)
    assert body.unread == b"1\r\na\r\n" * 2
    assert body.take(body.unread + b"0\r\n\r\nNEXT") == (b"aa", b"NEXT")
    assert not body.unread


def test_small_chunks_take_little_memory():
    wire = b"2\r\n1,\r\n" * 9000
    tracemalloc.start()
    content, _ = taken(Chunks(), wire)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert content == b"1," * 9000
    assert kept < 2 * len(content)
    assert peak < 20 * len(wire)
