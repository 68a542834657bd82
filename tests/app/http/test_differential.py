"""Whatever is sent, both ways to a model answer it alike, and so does a request behind another.

`SLIPWAY_DIFFERENTIAL_CASES` says how many requests are made up, `SLIPWAY_DIFFERENTIAL_SEED` from where.
"""

import gzip
import json
import os
import random
import re
import socket
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.app.open_inference import ECHO, LENGTH, OCTETS, ROWS, TINY, VALUE, binary, packed
from tests.app.process import Process

CASES = int(os.environ.get("SLIPWAY_DIFFERENTIAL_CASES", "1500"))
SEED = int(os.environ.get("SLIPWAY_DIFFERENTIAL_SEED", "0"))
ENDS = re.compile(rb"connection: close|HTTP/1\.0", re.IGNORECASE)
"""In a request after which the server closes the connection."""

MADE_ID = re.compile(rb"[0-9a-f]{16}-[0-9a-f]{12}")
SHOWN = 5
"""Differences that a failure shows."""

PROBE = b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-request-id: probe\r\n\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-request-id: last\r\nconnection: close\r\n\r\n"

Tree = Any
Headers = list[tuple[bytes, bytes]]

BINARY = json.dumps(
    {"inputs": [binary(tensor, len(packed(tensor["name"], tensor["data"]))) for tensor in ECHO]}
).encode()
VALID: list[tuple[bytes, bytes, Headers]] = [
    (b"/predict", json.dumps({tensor["name"]: tensor["data"] for tensor in ECHO}).encode(), []),
    (b"/v2/models/tiny/infer", json.dumps({"inputs": [TINY]}).encode(), []),
    (b"/v2/models/ragged/infer", json.dumps({"inputs": [TINY]}).encode(), []),
    (b"/v2/models/lookup/infer", json.dumps({"inputs": [ROWS, VALUE], "id": "1"}).encode(), []),
    (
        b"/v2/models/echo/infer",
        BINARY + b"".join(packed(tensor["name"], tensor["data"]) for tensor in ECHO),
        [(LENGTH.encode(), b"%d" % len(BINARY)), (b"content-type", OCTETS.encode())],
    ),
]
HEADERS: Headers = [
    (b"content-type", b"application/json"),
    (b"content-type", b"text/plain"),
    (b"content-type", b"Application/JSON ; charset=utf-8"),
    (b"content-encoding", b"gzip"),
    (b"content-encoding", b"x-gzip, identity"),
    (b"content-encoding", b"br"),
    (b"accept-encoding", b"gzip"),
    (b"connection", b"close"),
    (b"connection", b"keep-alive, Upgrade"),
    (b"upgrade", b"h2c"),
    (b"upgrade", b"websocket"),
    (b"expect", b"100-continue"),
    (b"expect", b"nothing"),
    (b"host", b"y"),
    (b"host", b"a b"),
    (b"content-length", b"0"),
    (b"content-length", b"7 "),
    (b"content-length", b"-1"),
    (b"content-length", b"99999999999"),
    (b"transfer-encoding", b"chunked"),
    (b"transfer-encoding", b"gzip, chunked"),
    (b"transfer-encoding", b"identity"),
    (LENGTH.encode(), b"3"),
    (LENGTH.encode(), b"-3"),
    (b"x-envoy-expected-rq-timeout-ms", b"soon"),
    (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    (b"trailer", b"content-type"),
    (b"bad name", b"x"),
    (b"x", b"\x00"),
]
VALUES: list[Tree] = [None, True, 0, -1, 2**63, 2**64, 1e39, 1.5, "", "x", [], [[]], {}, "FP16", "BOOL"]


def places(tree: Tree, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [at, *(place for key in keys for place in places(tree[key], (*at, key)))]


def replaced(tree: Tree, at: tuple[Any, ...], value: Tree) -> Tree:
    if not at:
        return value
    copied = tree.copy()
    copied[at[0]] = replaced(tree[at[0]], at[1:], value)
    return copied


class Maker:
    """Makes up requests: right ones with something of their structure or of their bytes changed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def request(self) -> tuple[bytes, bytes, bytes]:
        """Return what comes before the path, the path, and what comes after it."""
        chance = self.random
        path, body, headers = chance.choice(VALID)
        headers = [(b"host", b"x"), (b"x-request-id", b"1"), *headers]
        if chance.random() < 0.4 and not headers[2:]:
            body = self._other_structure(body)
        for _ in range(chance.choice([0, 0, 1, 2])):
            body = self._other_bytes(body)
        body = self._coded(body, headers)
        for _ in range(chance.choice([0, 0, 0, 1, 2])):
            headers.insert(chance.randrange(len(headers) + 1), chance.choice(HEADERS))
        framed = self._framed(body, headers)
        method = chance.choice([*[b"POST"] * 12, b"GET", b"PUT", b"post"])
        version = chance.choice([*[b"HTTP/1.1"] * 12, b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 "])
        lines = [b" " + version, *(name + b": " + value for name, value in headers), b"", b""]
        after = b"\r\n".join(lines) + framed
        if chance.random() < 0.1:
            # Not before the blank: there it would belong to the path of one way and the query of the other.
            after = after[:1] + self._other_bytes(after[1:])
        return method + b" ", path, after

    def cuts(self, whole: bytes) -> list[bytes]:
        """Return a request in up to three parts."""
        at = sorted(self.random.randrange(len(whole) + 1) for _ in range(self.random.choice([0, 0, 1, 2])))
        return [whole[start:end] for start, end in zip([0, *at], [*at, len(whole)], strict=True)]

    def _other_structure(self, body: bytes) -> bytes:
        tree = json.loads(body)
        value = self.random.choice(VALUES)
        return json.dumps(replaced(tree, self.random.choice(places(tree)), value)).encode()

    def _other_bytes(self, text: bytes) -> bytes:
        first = self.random.randrange(len(text) + 1)
        new = self.random.choice([b"", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"[", b"0", b";", b" ", b"\xff"])
        return text[:first] + new + text[first + self.random.randrange(3) :]

    def _coded(self, body: bytes, headers: Headers) -> bytes:
        coding = self.random.choice([*[None] * 6, "gzip", "deflate", "deflate, gzip"])
        if coding is None:
            return body
        headers.append((b"content-encoding", coding.encode()))
        packed = {"gzip": gzip.compress(body, mtime=0), "deflate": zlib.compress(body)}
        return packed.get(coding) or gzip.compress(zlib.compress(body), mtime=0)

    def _framed(self, body: bytes, headers: Headers) -> bytes:
        chance = self.random
        if chance.random() < 0.7:
            length = len(body) + chance.choice([*[0] * 10, -1])
            headers.append((b"content-length", b"%d" % max(0, length)))
            return body
        headers.append((b"transfer-encoding", b"chunked"))
        step = chance.choice([1, 7, 1000, len(body) or 1])
        pieces = [body[at : at + step] for at in range(0, len(body), step)]
        extension = chance.choice([b"", b";a=b", b" ;x"])
        chunks = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces]
        trailers = chance.choice([b"", b"", b"content-type: text/plain\r\n", b"no field\r\n"])
        framed = b"".join([*chunks, b"0\r\n", trailers, b"\r\n"])
        return self._other_bytes(framed) if chance.random() < 0.2 else framed


class Reply(NamedTuple):
    """An answer without its date and the ids that the server made, and whether it is the last."""

    status: bytes
    headers: list[bytes]
    body: bytes
    closes: bool


def exchange(port: int, parts: list[bytes]) -> list[Reply]:
    """Return the answers to what is sent until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return [
        reply(answer)
        for answer in re.split(rb"(?=HTTP/1\.1 [1-5]\d\d )", received)
        if answer and not answer.startswith(b"HTTP/1.1 100 ")
    ]


def reply(answer: bytes) -> Reply:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = MADE_ID.sub(b"made", head).split(b"\r\n")
    kept = sorted(line for line in headers if not line.startswith((b"date:", b"connection:")))
    return Reply(status, kept, MADE_ID.sub(b"made", body), b"connection: close" in headers)


def are_alike(some: list[Reply], others: list[Reply]) -> bool:
    """Compare answers.

    A refusal may be sent before or after the rest of its request is seen to be wrong. Only in the second case
    does it say that it is the last; in both nothing follows that is not there in the other, but an end.
    """
    for one, other in zip(some, others, strict=False):
        if one[:3] != other[:3]:
            return False
        if one.closes != other.closes:
            return one.status >= b"HTTP/1.1 4"
    return len(some) == len(others)


def is_fault(reply: Reply) -> bool:
    return reply.status.startswith((b"HTTP/1.1 500", b"HTTP/1.1 502", b"HTTP/1.1 503"))


@pytest.fixture(scope="module")
def server(repository: Path, start_module: Callable[..., Process]) -> Process:
    # What never ends is ended soon: a length that is too long, and a head without an end.
    server = start_module(repository, batch_size=4, head_timeout_seconds=1, body_timeout_seconds=1)
    server.wait_for("/health/ready")
    return server


def test_both_ways_and_a_request_behind_another_are_answered_alike(server: Process):
    maker = Maker(SEED)
    different: list[str] = []
    answered: Counter[bytes] = Counter()
    reset = 0
    for number in range(CASES):
        before, path, after = maker.request()
        direct = before + path + after + LAST
        routed = before + path + b"?x" + after + LAST
        try:
            first = exchange(server.port, maker.cuts(direct))
            others = (
                exchange(server.port, maker.cuts(routed)),
                exchange(server.port, maker.cuts(PROBE + direct))[1:],
            )
        except ConnectionResetError:
            # What follows a request that ends the connection may meet a closed one: RFC 9112, section 9.6.
            assert ENDS.search(before + path + after), f"case {number} was reset\n{direct!r}"
            reset += 1
            continue
        answered[first[0].status] += 1
        if not all(are_alike(first, other) for other in others) or any(map(is_fault, first)):
            different.append(f"case {number}\n{direct!r}\n" + "\n".join(map(repr, (first, *others))))

    assert not different, f"{len(different)} of {CASES}:\n" + "\n\n".join(different[:SHOWN])
    assert reset <= CASES / 1000
    # The cases are worth something: many of them reach a model.
    assert answered[b"HTTP/1.1 200 OK"] > CASES / 10
    assert not [line for line in server.logged() if line["level"] in ("ERROR", "CRITICAL")]
