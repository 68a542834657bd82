"""The threads that read bodies: in turn between models, within deadlines, and never in vain."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from app.serving.decode_pool import DecodeJob, DecodePool
from tests.app.serving.batching.conftest import run, until


class Line:
    """Stands for a model."""

    def __init__(self, name: str) -> None:
        self.name = name


class Body:
    """A body whose reading waits at a gate; remembers what became of it."""

    read_order: list[str]

    def __init__(self, name: str, order: list[str], gate: threading.Event, seconds: float = 60) -> None:
        self.name = name
        self.results: list[Any] = []
        self.expired = False

        def read() -> str:
            order.append(name)
            assert gate.wait(60)
            return name

        self.reading = DecodeJob(time.monotonic() + seconds, read, self.results.append, self._expire)

    def _expire(self) -> None:
        self.expired = True


def reads(work: Callable[[DecodePool, list[str], threading.Event], Any], threads: int = 1) -> list[str]:
    """Run a test with readers; return the order in which bodies were read."""
    order: list[str] = []
    gate = threading.Event()

    async def whole() -> None:
        readers = DecodePool(threads)
        try:
            await work(readers, order, gate)
        finally:
            gate.set()
            readers.close()

    run(whole)
    return order


def test_a_model_with_many_bodies_does_not_hold_up_another():
    first, second = Line("first"), Line("second")

    async def work(readers: DecodePool, order: list[str], gate: threading.Event) -> None:
        many = [Body(f"many {number}", order, gate) for number in range(5)]
        for body in many:
            readers.submit(first, body.reading)
        other = Body("other", order, gate)
        readers.submit(second, other.reading)
        gate.set()
        await until(lambda: many[-1].results and other.results)

    assert reads(work).index("other") <= 2


def test_a_body_whose_deadline_has_come_is_not_read():
    async def work(readers: DecodePool, order: list[str], gate: threading.Event) -> None:
        line = Line("m")
        first, late = Body("first", order, gate), Body("late", order, gate, seconds=0.05)
        for body in (first, late):
            readers.submit(line, body.reading)
        await until(lambda: late.expired)
        gate.set()
        await until(lambda: not readers.busy)
        assert late.results == []

    assert reads(work) == ["first"]


def test_a_deadline_is_kept_while_the_body_is_read():
    async def work(readers: DecodePool, order: list[str], gate: threading.Event) -> None:
        late = Body("late", order, gate, seconds=0.05)
        readers.submit(Line("m"), late.reading)
        await until(lambda: late.expired)
        assert readers.busy
        gate.set()
        await until(lambda: late.results)

    reads(work)


def test_a_body_whose_client_has_left_is_not_read():
    async def work(readers: DecodePool, order: list[str], gate: threading.Event) -> None:
        line = Line("m")
        first, gone, last = (Body(name, order, gate) for name in ("first", "gone", "last"))
        for body in (first, gone, last):
            readers.submit(line, body.reading)
        readers.cancel(line, gone.reading)
        readers.cancel(line, gone.reading)
        gate.set()
        await until(lambda: last.results)
        assert gone.results == []

    assert reads(work) == ["first", "last"]


def test_how_long_a_body_would_wait_is_learned_from_those_before_it():
    async def work(readers: DecodePool, order: list[str], gate: threading.Event) -> None:
        line = Line("m")
        assert readers.seconds_ahead(line) == 0
        began = time.monotonic()
        slow = DecodeJob(began + 60, lambda: time.sleep(0.1), lambda _: None, lambda: None)
        readers.submit(line, slow)
        await until(lambda: not readers.busy)
        seconds = time.monotonic() - began
        for number in range(3):
            readers.submit(line, Body(str(number), order, gate).reading)
        # Two wait, and one is read: each as long as the first, which took between 0.1 s and `seconds`.
        assert 0.29 < readers.seconds_ahead(line) <= 3 * seconds
        assert readers.seconds_ahead(Line("other")) < readers.seconds_ahead(line)

    reads(work)


def test_whatever_goes_wrong_is_the_result_and_the_thread_goes_on():
    async def work(readers: DecodePool, order: list[str], gate: threading.Event) -> None:
        gate.set()
        results: list[object] = []

        def fail() -> None:
            raise SystemExit(1)

        line = Line("m")
        readers.submit(line, DecodeJob(time.monotonic() + 60, fail, results.append, lambda: None))
        after = Body("after", order, gate)
        readers.submit(line, after.reading)
        await until(lambda: after.results)
        assert isinstance(results[0], RuntimeError)
        await asyncio.sleep(0)

    assert reads(work) == ["after"]
