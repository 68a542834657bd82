"""Bodies of fixed length and chunked bodies: RFC 9112, sections 6 and 7."""

import tracemalloc

import pytest

from app.http.framing import MAX_CHUNK_LINE_BYTES, MAX_CHUNKS_PER_TURN, ChunkedBody, FixedLengthBody
from app.http.problems import Problem
from app.http.request import MAX_HEAD_BYTES


def read_all(body: FixedLengthBody | ChunkedBody, *pieces: bytes) -> tuple[bytes, bytes | None]:
    content = b""
    rest = None
    for piece in pieces:
        assert rest is None
        new_content, rest = body.read(piece)
        content += new_content
        while body.unread:
            new_content, rest = body.read(body.unread)
            content += new_content
    return content, rest


def refused_status(body: ChunkedBody, piece: bytes) -> int | None:
    try:
        body.read(piece)
    except Problem as problem:
        return problem.status
    return None


CHUNKED = b'3\r\nabc\r\n00a;x="y"\r\n0123456789\r\n0\r\nTrailer: dropped\r\n\r\nNEXT'


@pytest.mark.parametrize("size", range(1, len(CHUNKED) + 1))
def test_a_chunked_body_is_read_from_pieces_of_any_size(size: int):
    body = ChunkedBody()
    content, position = b"", 0
    rest = None
    while rest is None:
        new_content, rest = body.read(CHUNKED[position : position + size])
        content += new_content
        position += size

    assert content == b"abc0123456789"
    assert rest + CHUNKED[position:] == b"NEXT"


def test_a_body_of_fixed_length_is_read_from_pieces_of_any_size():
    assert read_all(FixedLengthBody(4), b"ab", b"cdNEXT") == (b"abcd", b"NEXT")
    assert read_all(FixedLengthBody(4), b"ab", b"c") == (b"abc", None)
    body = FixedLengthBody(4)
    body.read(b"a")
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
        b"1;" + b"x" * MAX_CHUNK_LINE_BYTES,
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
def test_malformed_chunks_are_refused(text: bytes, bytewise: bool):
    pieces = [bytes([byte]) for byte in text] if bytewise else [text]

    with pytest.raises(Problem) as caught:
        read_all(ChunkedBody(), *pieces)

    assert caught.value.status == 400


@pytest.mark.parametrize("line", [b"a:b\r\n", b"x" * 1000], ids=["lines", "one line"])
def test_too_many_bytes_of_trailers_are_refused(line: bytes):
    # RFC 6585, section 5.
    body = ChunkedBody()
    body.read(b"0\r\n")
    sent = 0

    status = None
    while status is None:
        sent += len(line)
        status = refused_status(body, line)

    assert status == 431
    assert sent < MAX_HEAD_BYTES + 2 * len(line)


def test_too_many_bytes_of_chunk_extensions_are_refused():
    # RFC 9112, section 7.1.1: "A server ought to limit the total length of chunk extensions".
    body = ChunkedBody()
    chunk = b"1;" + b"x" * 1000 + b"\r\n!\r\n"

    assert [refused_status(body, chunk) for _ in range(66)] == [None] * 65 + [431]


def test_only_a_limited_number_of_chunks_is_read_at_once():
    body = ChunkedBody()
    content, rest = body.read(b"1\r\na\r\n" * (MAX_CHUNKS_PER_TURN + 2))

    assert (content, rest) == (b"a" * MAX_CHUNKS_PER_TURN, None)
    assert body.unread == b"1\r\na\r\n" * 2
    assert body.read(body.unread + b"0\r\n\r\nNEXT") == (b"aa", b"NEXT")
    assert not body.unread


def test_small_chunks_take_little_memory():
    data = b"2\r\n1,\r\n" * 9000
    tracemalloc.start()
    content, _ = read_all(ChunkedBody(), data)
    memory, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert content == b"1," * 9000
    assert memory < 2 * len(content)
    assert peak < 20 * len(data)
