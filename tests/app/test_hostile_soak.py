"""Honest clients beside hostile ones, against a server in 512 MiB: each honest answer is right to the bit.

SLIPWAY_SOAK_SECONDS says for how long. 1800 is the full soak, which also compares how long honest clients
wait.
"""

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import psutil
import pytest
from onnx import helper

from tests.app.conftest import write_artifact
from tests.app.memory_cgroup import memory_cgroup_or_reason
from tests.app.process import Process
from tests.app.test_soak import gauge

SECONDS = float(os.environ.get("SLIPWAY_SOAK_SECONDS", "10"))
QUIET_SECONDS = min(SECONDS / 4, 120)
FULL = 600
"""Seconds from which on the soak is long enough to compare waiting times."""

LIMIT = 512 * 2**20
HONEST, HOSTILE = 3, 3
HONEST_PAUSE, HOSTILE_PAUSE = 0.02, 0.15
PATHS = ["/predict", "/predict?x"]
OCTETS = {"content-type": "application/octet-stream"}
INPUTS = 16


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose numbers are small integers: its answers are exact, whatever the order of the sums."""
    numbers = np.random.default_rng(0)
    weights = {
        "filters": numbers.integers(-2, 3, size=(32, 3, 3, 3)).astype(np.float32),
        "table": numbers.integers(-2, 3, size=(32 * 14 * 14, 16)).astype(np.float32),
    }
    return write_artifact(
        tmp_path_factory.mktemp("artifacts") / "exact",
        [
            helper.make_node("Conv", ["image", "filters"], ["filtered"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["filtered"], ["positive"]),
            helper.make_node("MaxPool", ["positive"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Flatten", ["small"], ["flat"]),
            helper.make_node("MatMul", ["flat", "table"], ["scores"]),
        ],
        weights,
        {"image": images(1, 99)},
        {"scores": [-1, 16]},
        image={
            "input": "image",
            "resize": 256,
            "crop": [224, 224],
            "interpolation": "bilinear",
            "layout": "NCHW",
            "scale": 1.0,
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
        },
    )


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 8, size=(count, 3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module")
def before() -> Iterator[str]:
    """Return what a process runs first to be in a memory cgroup; nothing where none can be made."""
    with memory_cgroup_or_reason(LIMIT) as group:
        yield "" if isinstance(group, str) else group.join


class Honest:
    """Clients that ask for what they know the answer to."""

    def __init__(self, port: int, cases: list[tuple[bytes, list[float]]]) -> None:
        self._port, self._cases = port, cases
        self._stop = threading.Event()
        self.seconds: list[float] = []
        self.codes: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(HONEST)]

    def for_seconds(self, seconds: float) -> "Honest":
        for thread in self._threads:
            thread.start()
        self._stop.wait(seconds)
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self

    def _ask(self, seed: int) -> None:
        chance = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set() and not self.wrong:
            body, expected = chance.choice(self._cases)
            start = time.perf_counter()
            try:
                connection.request("POST", chance.choice(PATHS), body, OCTETS)
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
                break
            self.codes[response.status] += 1
            if response.status == 200:
                self.seconds.append(time.perf_counter() - start)
                if (found := json.loads(content)["predictions"]) != [expected]:
                    self.wrong.append(f"{found} instead of {expected}")
            time.sleep(chance.random() * 2 * HONEST_PAUSE)
        connection.close()

    def p99(self) -> float:
        return float(np.percentile(self.seconds, 99))


@contextmanager
def attackers(port: int, seconds: float) -> Generator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tests.app.hostile", str(port), str(seconds)]
    processes = [
        subprocess.Popen([*command, str(seed), str(HOSTILE_PAUSE)], stdout=subprocess.PIPE, text=True)
        for seed in range(HOSTILE)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()


def at_rest(server: Process) -> bool:
    return gauge(server, "request_in_flight") | gauge(server, "request_queue_depth") == {0}


@pytest.mark.timeout(SECONDS + 120)
def test_honest_clients_get_the_right_answers_beside_hostile_ones(
    exact: Path, before: str, start: Callable[..., Process], capsys: pytest.CaptureFixture[str]
):
    session = onnxruntime.InferenceSession(exact / "onnx" / "model.onnx")
    inputs = images(INPUTS, 1)
    cases = [(image.tobytes(), session.run(None, {"image": image[None]})[0][0].tolist()) for image in inputs]
    server = start(exact, before=before, threads=1)
    server.wait_for("/health/ready")
    process = psutil.Process(server.process.pid)
    quiet = Honest(server.port, cases).for_seconds(QUIET_SECONDS)
    hostile_seconds = SECONDS - QUIET_SECONDS
    memory: list[int] = []
    with attackers(server.port, hostile_seconds) as processes:
        beside = Honest(server.port, cases)
        watch = threading.Timer(hostile_seconds / 2, lambda: memory.append(process.memory_info().rss))
        watch.start()
        beside.for_seconds(hostile_seconds)
        told = [json.loads(attacker.communicate(timeout=60)[0]) for attacker in processes]
    memory.append(process.memory_info().rss)
    deadline = time.monotonic() + 40
    while not at_rest(server) and time.monotonic() < deadline:
        time.sleep(0.5)

    attacks = sum((Counter(part["done"]) for part in told), Counter[str]())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(quiet.seconds)} honest answers alone, p99 {quiet.p99() * 1e3:.1f} ms; "
            f"{dict(beside.codes)} beside {attacks.total()} attacks, p99 {beside.p99() * 1e3:.1f} ms; "
            f"memory {memory[0] >> 20} MiB half-way, {memory[1] >> 20} MiB at the end\n{dict(attacks)}\n"
        )
    assert [part["wrong"] for part in told] == [[]] * HOSTILE
    assert not quiet.wrong
    assert not beside.wrong
    assert set(quiet.codes) == {200}
    assert at_rest(server)
    assert server.process.poll() is None
    assert httpx.get(f"{server.url}/health/live").status_code == 200
    assert not [line for line in server.logged() if line["level"] in ("ERROR", "CRITICAL")]
    if SECONDS >= FULL:
        assert set(beside.codes) == {200}
        assert memory[1] - memory[0] < 16 * 2**20
        assert beside.p99() <= 2 * quiet.p99()
