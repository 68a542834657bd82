"""When any part of the server stops working, liveness is lost within seconds and the process ends."""

import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from tests.app.process import SAMPLE, Process

WHEN = """
import os, threading, time
from pathlib import Path
from app.serving import batching, budget, model, self_test, service
self_test.IDLE_SECONDS = 1
def when(path):
    def wait():
        while not Path(path).exists():
            time.sleep(0.02)
        broken()
    threading.Thread(target=wait, daemon=True).start()
"""
"""Defines `when`, which calls `broken` once a file exists."""

FAULTS = {
    "the queue raises": """
        def broken():
            def take(self):
                raise OverflowError("cannot convert float infinity to integer")
            batching.Batcher._take_batch = take
    """,
    "the queue does nothing": """
        def broken():
            batching.Batcher._dispatch = lambda self: None
    """,
    "the event loop is blocked": """
        loops = []
        load = service.Service.load
        async def seen(self):
            import asyncio
            loops.append(asyncio.get_running_loop())
            await load(self)
        service.Service.load = seen
        def broken():
            loops[0].call_soon_threadsafe(time.sleep, 600)
    """,
    "the threads that decode are stuck": """
        self_test.DECODE_SECONDS = 1
        model.MAX_INLINE_SECONDS = -1
        def broken():
            self_test.SelfTest._copy_sample = lambda self: time.sleep(600)
    """,
    "the model's threads are stuck": """
        model.MAX_INLINE_SECONDS = -1
        def broken():
            batching.Batcher._compute = lambda self, batch: time.sleep(600)
    """,
    "there is no memory for requests": """
        def broken():
            budget.Budget._fits = lambda self, size: False
    """,
    "every allocation fails": """
        def broken():
            def read(self):
                raise MemoryError
            self_test.SelfTest._copy_sample = read
            model.Model.check = lambda self, size=1: read(self)
    """,
}

LOOKS = 400
"""How often liveness is asked for at most until it is lost.

Looks are counted and not seconds, because a busy machine slows down both the test and the server. On a quiet
machine they take 20 seconds, and liveness is lost after one to ten.
"""


def code_of(server: Process, path: str) -> int:
    """Return the status code of the answer as a probe sees it, or 0 if there is no answer."""
    try:
        return httpx.get(f"{server.url}{path}", timeout=1).status_code
    except httpx.TransportError:
        return 0


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_liveness_is_lost_within_seconds_and_the_process_ends(
    start: Callable[..., Process], tmp_path: Path, fault: str
):
    gate = tmp_path / "gate"
    before = WHEN + dedent(FAULTS[fault]) + f"\nwhen({str(gate)!r})\n"
    server = start(before=before, threads=1, model_timeout_seconds=2, drain_timeout_seconds=1)
    server.wait_for("/health/ready")
    assert httpx.post(f"{server.url}/predict", content=SAMPLE).status_code == 200

    gate.touch()
    looks = 0
    while code_of(server, "/health/live") == 200:
        looks += 1
        assert looks < LOOKS, server.log.read_text()
        time.sleep(0.05)

    assert server.exit_code() in {1, 70}
    assert any(line["level"] == "CRITICAL" for line in server.logged())


def test_the_self_test_does_not_appear_in_metrics(start: Callable[..., Process]):
    server = start(before="from app.serving import self_test\nself_test.IDLE_SECONDS = 0.1")
    server.wait_for("/health/ready")
    time.sleep(2)
    lines = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text.splitlines()
    series = [
        line
        for line in lines
        if line.startswith(("request_queue_wait_seconds_count", "request_batch_size_count"))
    ]

    assert {line.rpartition(" ")[2] for line in series} == {"0.0"}
    assert code_of(server, "/health/live") == 200


def test_a_busy_server_stays_live(start: Callable[..., Process]):
    slow = """
        from app.serving import batching, model, self_test
        model.MAX_INLINE_SECONDS = -1
        self_test.IDLE_SECONDS = self_test.ANSWER_SECONDS = 0.2
        compute = batching.Batcher._compute
        def slow(self, batch):
            import time
            time.sleep(0.6)
            return compute(self, batch)
        batching.Batcher._compute = slow
    """
    server = start(before=slow, threads=1)
    server.wait_for("/health/ready")
    for _ in range(5):
        assert httpx.post(f"{server.url}/predict", content=SAMPLE, timeout=20).status_code == 200

    assert code_of(server, "/health/live") == 200
