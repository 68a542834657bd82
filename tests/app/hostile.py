"""Clients that mean harm, in a process of their own: `python -m tests.app.hostile PORT SECONDS SEED PAUSE`.

Each attack is bounded in bytes and time. The server's answers are checked where the attack knows the right
ones. Wrong answers are printed, and the process then ends with 1.
"""

import contextlib
import gzip
import json
import random
import re
import socket
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator
from functools import cache

SECONDS = 10
HOST = b"host: x\r\n"
PREDICT = b"POST /predict HTTP/1.1\r\n" + HOST
JSON = b"content-type: application/json\r\n"
SMUGGLED = b"GET /v2/models/SMUGGLED HTTP/1.1\r\n" + HOST + b"\r\n"
OVERLOADED = {429, 503, 504}


class WrongAnswerError(Exception):
    """The server's answer is not the right one."""


@contextlib.contextmanager
def connected(port: int) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def statuses(connection: socket.socket) -> list[int]:
    """Return the codes of all answers until the server closes the connection or is silent."""
    received = b""
    # A reset, or a pause, ends what is read.
    with contextlib.suppress(OSError):
        while more := connection.recv(65536):
            received += more
    return [int(code) for code in re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", received)]


def post(body: bytes, *lines: bytes) -> bytes:
    fields = b"".join(line + b"\r\n" for line in lines)
    return PREDICT + fields + b"content-length: %d\r\n\r\n" % len(body) + body


def expect(found: list[int], *allowed: int) -> None:
    """See that a request got one answer at most, and which."""
    if len(found) > 1 or not set(found) <= {*allowed, *OVERLOADED}:
        raise WrongAnswerError(f"answers {found}, not one of {allowed}")


def upgrade(port: int, chance: random.Random) -> None:
    token = chance.choice([b"h2c", b"websocket", b"TLS/1.2", b"x"])
    with connected(port) as connection:
        offer = (b"connection: close, Upgrade", b"upgrade: " + token, b"content-type: application/json")
        whole = post(SMUGGLED, *offer)
        connection.sendall(whole[: -len(SMUGGLED)])
        time.sleep(chance.random() / 10)
        connection.sendall(SMUGGLED)
        expect(statuses(connection), 400)


def trailers(port: int, chance: random.Random) -> None:
    line = chance.choice([b"a:b\r\n", b"x: " + b"a" * 1000 + b"\r\n"])
    with connected(port) as connection, contextlib.suppress(OSError):
        connection.sendall(PREDICT + JSON + b"transfer-encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n")
        for _ in range(64):
            connection.sendall(line * (16384 // len(line)))
        expect(statuses(connection), 431)


def late_head(port: int, chance: random.Random) -> None:
    with connected(port) as connection:
        connection.sendall(post(b"[]", JSON[:-2])[: chance.randrange(10, 60)])
        time.sleep(chance.random())


def silence(port: int, chance: random.Random) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            connection = stack.enter_context(connected(port))
            if chance.random() < 0.5:
                connection.sendall(b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(chance.random())


def unread(port: int, chance: random.Random) -> None:
    with connected(port) as connection, contextlib.suppress(OSError):
        connection.settimeout(0.5)
        connection.sendall((b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 2000)
        time.sleep(chance.random())


def unpacked(port: int, chance: random.Random) -> None:
    with connected(port) as connection:
        part = chance.choice([b"{}", b"[]", b"[0]", b"0", b'"ab"'])
        connection.sendall(post(bomb(part), b"content-encoding: gzip", b"connection: close", JSON[:-2]))
        expect(statuses(connection), 400, 413)


def picture(port: int, chance: random.Random) -> None:
    with connected(port) as connection:
        body = chance.choice([large_picture(), sliver()])
        connection.sendall(post(body, b"content-type: image/png", b"connection: close"))
        if chance.random() < 0.5:
            expect(statuses(connection), 200, 413, 400)


def expired(port: int, chance: random.Random) -> None:
    del chance
    with connected(port) as connection, contextlib.suppress(OSError):
        connection.sendall(post(b"[0]", b"x-envoy-expected-rq-timeout-ms: 0", JSON[:-2]) * 200)
        connection.settimeout(1)
        if not set(statuses(connection)) <= {400, *OVERLOADED}:
            raise WrongAnswerError("an expired request was answered")


def followed_by_rubbish(port: int, chance: random.Random) -> None:
    rubbish = chance.choice(
        [b"GET http:// HTTP/1.1\r\n" + HOST + b"\r\n", b"\x16\x03\x01\x02\x00", b"x\r\n\r\n"]
    )
    with connected(port) as connection:
        # Rubbish without an end of a head is waited for, up to the time that a head may take.
        connection.settimeout(1)
        connection.sendall(b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n" + rubbish)
        found = statuses(connection)
        if found[:1] != [200] or not set(found[1:]) <= {400, 408, 501, 431}:
            raise WrongAnswerError(f"a valid request before rubbish got {found}")


def leave(port: int, chance: random.Random) -> None:
    with connected(port) as connection:
        connection.sendall(
            post(bytes(600_000), b"content-type: application/octet-stream")[: chance.randrange(600_000)]
        )
        if chance.random() < 0.5:
            # The close becomes a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def small_chunks(port: int, chance: random.Random) -> None:
    del chance
    with connected(port) as connection:
        connection.sendall(PREDICT + JSON + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(b"1\r\n[\r\n" + b"2\r\n1,\r\n" * 20_000 + b"2\r\n1]\r\n0\r\n\r\n")
        expect(statuses(connection), 400)


def wrong_values(port: int, chance: random.Random) -> None:
    value = chance.choice([2**64, -(2**63) - 1, 1e39, None, "x", {"a": []}, [[[]]]])
    tensor = {"name": "image", "shape": [1, 3, 224, 224], "datatype": "FP32", "data": [value, 1, 2]}
    body = json.dumps({"inputs": [tensor]}).encode()
    with connected(port) as connection:
        connection.sendall(
            post(body, b"connection: close").replace(b"/predict", b"/v2/models/exact/infer", 1)
        )
        expect(statuses(connection), 400)


@cache
def bomb(part: bytes) -> bytes:
    return gzip.compress(b"[" + b",".join([part] * (8 * 2**20 // (len(part) + 1) - 1)) + b"]")


@cache
def large_picture() -> bytes:
    """A picture of 5,000 by 5,000 pixels of one bit, in 3 kB."""
    return png(5000, 5000, 1, 0)


@cache
def sliver() -> bytes:
    """A picture of 1 by 20 million pixels."""
    return png(1, 20_000_000, 8, 0)


def png(width: int, height: int, depth: int, kind: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    rows = zlib.compress(bytes(height * (1 + (width * depth + 7) // 8)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


ATTACKS: list[Callable[[int, random.Random], None]] = [
    upgrade,
    trailers,
    late_head,
    silence,
    unread,
    unpacked,
    picture,
    expired,
    followed_by_rubbish,
    leave,
    small_chunks,
    wrong_values,
]


def main(port: int, seconds: float, seed: int, pause: float) -> int:
    chance, done, wrong = random.Random(seed), Counter[str](), list[str]()
    until = time.monotonic() + seconds
    while time.monotonic() < until and len(wrong) < SECONDS:
        attack = chance.choice(ATTACKS)
        try:
            attack(port, chance)
            done[attack.__name__] += 1
        except WrongAnswerError as error:
            wrong.append(f"{attack.__name__}: {error}")
        except OSError as error:
            # A connection that is refused or reset: the attack is over.
            done[f"{attack.__name__}: {type(error).__name__}"] += 1
        time.sleep(chance.random() * 2 * pause)
    sys.stdout.write(json.dumps({"done": done, "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
