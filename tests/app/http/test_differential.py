"""Random requests get the same responses directly, through the application, and behind another request.

`SLIPWAY_DIFFERENTIAL_CASES` is the number of random requests, `SLIPWAY_DIFFERENTIAL_SEED` the seed.
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
CLOSES_CONNECTION = re.compile(rb"connection: close|HTTP/1\.0", re.IGNORECASE)
"""Matches a request after which the server closes the connection."""

GENERATED_ID = re.compile(rb"[0-9a-f]{16}-[0-9a-f]{12}")
KEY = b"a-key-of-this-test"
MAX_SHOWN = 5
"""How many differences a failure shows."""

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
    (b"authorization", b"Bearer \xff"),
    (b"x-api-key", KEY),
    (b"origin", b"https://app.example.com"),
    (b"origin", b"https://evil.example.com"),
    (b"bad name", b"x"),
    (b"x", b"\x00"),
]
CREDENTIALS: list[Headers] = [
    *[[(b"authorization", b"Bearer " + KEY)]] * 8,
    *[[(b"x-api-key", KEY)]] * 8,
    [],
    [(b"x-api-key", KEY[:-1])],
    [(b"authorization", b"bearer  " + KEY)],
    [(b"authorization", b"Basic " + KEY)],
]
"""The headers with an API key that a request begins with; most of them are accepted."""

VALUES: list[Tree] = [None, True, 0, -1, 2**63, 2**64, 1e39, 1.5, "", "x", [], [[]], {}, "FP16", "BOOL"]


def paths_in(tree: Tree, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys and indices that lead to each value in a JSON structure."""
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    return [path, *(inner for key in keys for inner in paths_in(tree[key], (*path, key)))]


def with_value(tree: Tree, path: tuple[Any, ...], value: Tree) -> Tree:
    """Return a copy of a JSON structure with another value at a path."""
    if not path:
        return value
    copy = tree.copy()
    copy[path[0]] = with_value(tree[path[0]], path[1:], value)
    return copy


class RequestGenerator:
    """Generates random requests: valid ones with changes in their structure or in their bytes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def request(self) -> tuple[bytes, bytes, bytes]:
        """Return the bytes before the path, the path, and the bytes after it."""
        rng = self.rng
        path, body, headers = rng.choice(VALID)
        is_plain = not headers
        headers = [(b"host", b"x"), (b"x-request-id", b"1"), *rng.choice(CREDENTIALS), *headers]
        if rng.random() < 0.4 and is_plain:
            body = self._changed_structure(body)
        for _ in range(rng.choice([0, 0, 1, 2])):
            body = self._changed_bytes(body)
        body = self._compressed(body, headers)
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            headers.insert(rng.randrange(len(headers) + 1), rng.choice(HEADERS))
        framed = self._framed(body, headers)
        method = rng.choice([*[b"POST"] * 12, b"GET", b"PUT", b"post"])
        version = rng.choice([*[b"HTTP/1.1"] * 12, b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 "])
        lines = [b" " + version, *(name + b": " + value for name, value in headers), b"", b""]
        after = b"\r\n".join(lines) + framed
        if rng.random() < 0.1:
            # Keep the space after the path: a byte before it would belong to the path or to the query.
            after = after[:1] + self._changed_bytes(after[1:])
        return method + b" ", path, after

    def parts(self, request: bytes) -> list[bytes]:
        """Return a request in up to three parts."""
        cut_count = self.rng.choice([0, 0, 1, 2])
        cuts = sorted(self.rng.randrange(len(request) + 1) for _ in range(cut_count))
        return [request[start:end] for start, end in zip([0, *cuts], [*cuts, len(request)], strict=True)]

    def _changed_structure(self, body: bytes) -> bytes:
        tree = json.loads(body)
        value = self.rng.choice(VALUES)
        return json.dumps(with_value(tree, self.rng.choice(paths_in(tree)), value)).encode()

    def _changed_bytes(self, text: bytes) -> bytes:
        position = self.rng.randrange(len(text) + 1)
        new = self.rng.choice([b"", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"[", b"0", b";", b" ", b"\xff"])
        return text[:position] + new + text[position + self.rng.randrange(3) :]

    def _compressed(self, body: bytes, headers: Headers) -> bytes:
        coding = self.rng.choice([*[None] * 6, "gzip", "deflate", "deflate, gzip"])
        if coding is None:
            return body
        headers.append((b"content-encoding", coding.encode()))
        by_coding = {"gzip": gzip.compress(body, mtime=0), "deflate": zlib.compress(body)}
        return by_coding.get(coding) or gzip.compress(zlib.compress(body), mtime=0)

    def _framed(self, body: bytes, headers: Headers) -> bytes:
        rng = self.rng
        if rng.random() < 0.7:
            length = len(body) + rng.choice([*[0] * 10, -1])
            headers.append((b"content-length", b"%d" % max(0, length)))
            return body
        headers.append((b"transfer-encoding", b"chunked"))
        chunk_size = rng.choice([1, 7, 1000, len(body) or 1])
        pieces = [body[start : start + chunk_size] for start in range(0, len(body), chunk_size)]
        extension = rng.choice([b"", b";a=b", b" ;x"])
        chunks = [b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces]
        trailers = rng.choice([b"", b"", b"content-type: text/plain\r\n", b"no field\r\n"])
        framed = b"".join([*chunks, b"0\r\n", trailers, b"\r\n"])
        return self._changed_bytes(framed) if rng.random() < 0.2 else framed


class Reply(NamedTuple):
    """A response without its date and generated ids, and whether it closes the connection."""

    status: bytes
    headers: list[bytes]
    body: bytes
    closes: bool


def send(port: int, parts: list[bytes]) -> list[Reply]:
    """Send bytes on a new connection; return the responses until the server closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return [
        parse_reply(response)
        for response in re.split(rb"(?=HTTP/1\.1 [1-5]\d\d )", received)
        if response and not response.startswith(b"HTTP/1.1 100 ")
    ]


def parse_reply(response: bytes) -> Reply:
    head, _, body = response.partition(b"\r\n\r\n")
    status, *headers = GENERATED_ID.sub(b"generated", head).split(b"\r\n")
    compared = sorted(line for line in headers if not line.startswith((b"date:", b"connection:")))
    return Reply(status, compared, GENERATED_ID.sub(b"generated", body), b"connection: close" in headers)


def are_equivalent(replies: list[Reply], others: list[Reply]) -> bool:
    """Compare the replies to two sequences of requests.

    A request may be refused before or after the server finds that the rest of it is malformed. Only in the
    second case does the reply close the connection. Then the replies after it are not compared.
    """
    for reply, other in zip(replies, others, strict=False):
        if reply[:3] != other[:3]:
            return False
        if reply.closes != other.closes:
            return reply.status >= b"HTTP/1.1 4"
    return len(replies) == len(others)


def is_server_error(reply: Reply) -> bool:
    return reply.status.startswith((b"HTTP/1.1 500", b"HTTP/1.1 502", b"HTTP/1.1 503"))


@pytest.fixture(scope="module")
def server(
    repository: Path, start_module: Callable[..., Process], tmp_path_factory: pytest.TempPathFactory
) -> Process:
    # Short limits, because some requests never end: their length is too large, or their head has no end.
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_bytes(KEY)
    server = start_module(
        repository,
        batch_size=4,
        head_timeout_seconds=1,
        body_timeout_seconds=1,
        api_keys_path=keys,
        cors_origins="https://app.example.com",
    )
    server.wait_for("/health/ready")
    return server


def test_direct_application_and_pipelined_requests_get_the_same_responses(server: Process):
    generator = RequestGenerator(SEED)
    differences: list[str] = []
    statuses: Counter[bytes] = Counter()
    resets = 0
    for number in range(CASES):
        before, path, after = generator.request()
        direct = before + path + after + LAST
        through_app = before + path + b"?x" + after + LAST
        try:
            first = send(server.port, generator.parts(direct))
            others = (
                send(server.port, generator.parts(through_app)),
                send(server.port, generator.parts(PROBE + direct))[1:],
            )
        except ConnectionResetError:
            # A request that closes the connection may be reset if more bytes follow: RFC 9112, section 9.6.
            assert CLOSES_CONNECTION.search(before + path + after), f"case {number} was reset\n{direct!r}"
            resets += 1
            continue
        statuses[first[0].status] += 1
        if not all(are_equivalent(first, other) for other in others) or any(map(is_server_error, first)):
            differences.append(f"case {number}\n{direct!r}\n" + "\n".join(map(repr, (first, *others))))

    assert not differences, f"{len(differences)} of {CASES}:\n" + "\n\n".join(differences[:MAX_SHOWN])
    assert resets <= CASES / 1000
    assert statuses[b"HTTP/1.1 401 Unauthorized"] > CASES / 50
    # Enough of the requests reach a model.
    assert statuses[b"HTTP/1.1 200 OK"] > CASES / 10
    assert not [line for line in server.logged() if line["level"] in ("ERROR", "CRITICAL")]
