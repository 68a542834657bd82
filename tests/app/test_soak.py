"""Good and bad requests for a while: the server holds on to none of them.

SLIPWAY_SOAK_SECONDS says for how long; 600 is the full soak.
"""

import gzip
import http.client
import json
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from tests.app.open_inference import ECHO, LENGTH, OCTETS, ROWS, TINY, VALUE, binary, packed
from tests.app.process import Process

pytestmark = pytest.mark.serial

SECONDS = float(os.environ.get("SLIPWAY_SOAK_SECONDS", "10"))
WARM_UP = min(SECONDS / 2, 60)
CLIENTS = 4
GROWTH = 4 * 2**20
"""Bytes. A few kilobytes a request, held on to, are a hundred times as much even in the short run."""

SIX = packed("FP32", TINY["data"])
HEAD = json.dumps({"inputs": [binary(TINY, 24)], "parameters": {"binary_data_output": True}}).encode()
BATCH = np.random.default_rng(0).random((64, 2, 3)).round(4).tolist()
SAMPLE = {tensor["name"]: tensor["data"] for tensor in ECHO}

Request = tuple[set[int], str, bytes, dict[str, str]]
REQUESTS: list[Request] = [
    ({200}, "/predict", json.dumps(SAMPLE).encode(), {}),
    ({200}, "/predict", json.dumps({"instances": [SAMPLE] * 64}).encode(), {"accept-encoding": "gzip"}),
    ({200}, "/predict?x=1", json.dumps(SAMPLE).encode(), {}),
    ({200}, "/v2/models/tiny/infer", json.dumps({"inputs": [TINY]}).encode(), {}),
    ({200}, "/v2/models/tiny/infer", HEAD + SIX, {LENGTH: str(len(HEAD)), "content-type": OCTETS}),
    ({200}, "/v2/models/lookup/infer", json.dumps({"inputs": [ROWS, VALUE]}).encode(), {}),
    (
        {200},
        "/v2/models/tiny/infer",
        gzip.compress(json.dumps({"inputs": [{**TINY, "shape": [64, 2, 3], "data": BATCH}]}).encode()),
        {"content-encoding": "gzip"},
    ),
    ({400}, "/predict", b"[" * 10_000, {}),
    (
        {400},
        "/v2/models/lookup/infer",
        json.dumps({"inputs": [{**ROWS, "data": [99, 0]}, VALUE]}).encode(),
        {},
    ),
    ({400}, "/v2/models/tiny/infer", b'{"inputs": [{"name": "\xff"}]}', {}),
    ({400}, "/v2/models/tiny/infer", HEAD + SIX[:-1], {LENGTH: str(len(HEAD))}),
    ({400}, "/v2/models/tiny/infer", b"?", {"content-encoding": "gzip"}),
    ({404}, "/v2/models/none/infer", b"{}", {}),
    ({413}, "/predict", b" " * 300_000, {}),
    ({415}, "/predict", b"?", {"content-type": "text/plain"}),
    # Refused where others wait, else expired.
    ({503, 504}, "/predict", json.dumps(SAMPLE).encode(), {"x-envoy-expected-rq-timeout-ms": "0"}),
]


class Load:
    """Clients that send what comes to their minds, and at times leave in the middle."""

    def __init__(self, server: Process) -> None:
        self.server = server
        self.counts: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        while not self.over.is_set() and not self.wrong:
            expected, path, body, headers = chance.choice(REQUESTS)
            if chance.random() < 0.02:
                self._leave(path, body)
                continue
            try:
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                response.read()
                self.counts[response.status] += 1
                if response.status not in expected:
                    self.wrong.append(f"{path}: {response.status}, not one of {expected}")
            except OSError as error:
                self.wrong.append(f"{path}: {error!r}")
        connection.close()

    def _leave(self, path: str, body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as connection:
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[: len(body) // 2])


def gauge(server: Process, name: str) -> set[float]:
    lines = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text.splitlines()
    return {float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{")}


def wait(load: Load, seconds: float, tell: Callable[[], object]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not load.wrong:
        time.sleep(min(1, left))
        tell()


@pytest.mark.timeout(SECONDS + 60)
def test_the_server_keeps_no_request_in_memory(
    repository: Path, start: Callable[..., Process], capsys: pytest.CaptureFixture[str]
):
    server = start(repository, batch_size=64, max_body_bytes=200_000, reload_seconds=1)
    server.wait_for("/health/ready")
    process = psutil.Process(server.process.pid)
    began = time.monotonic()

    def tell() -> None:
        seconds = time.monotonic() - began
        if SECONDS > 60 and seconds % 30 < 1:
            memory = process.memory_info().rss / 2**20
            with capsys.disabled():
                sys.stdout.write(f"{seconds:.0f} s: {load.counts.total()} requests, {memory:.1f} MiB\n")

    with Load(server) as load:
        wait(load, WARM_UP, tell)
        memory, threads, files = process.memory_info().rss, process.num_threads(), process.num_fds()
        wait(load, SECONDS - WARM_UP, tell)
        grown = process.memory_info().rss - memory
    httpx.get(f"{server.url}/health/live", headers={"connection": "close"})

    assert not load.wrong
    assert {200, 400, 404, 413, 415, 504} <= set(load.counts)
    assert grown < GROWTH
    assert process.num_threads() <= threads
    assert process.num_fds() <= files
    assert gauge(server, "request_in_flight") == gauge(server, "request_queue_depth") == {0}
    assert not [line for line in server.logged() if line["level"] in ("ERROR", "CRITICAL")]
