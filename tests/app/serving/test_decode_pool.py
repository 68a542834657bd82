"""The decode pool takes turns between models, keeps deadlines, and decodes nothing in vain."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from app.serving.decode_pool import DecodeJob, DecodePool
from tests.app.serving.batching.conftest import run, until


class FakeModel:
    """Stands in for a model: the pool only needs an object for each."""

    def __init__(self, name: str) -> None:
        self.name = name


class Body:
    """A body whose decoding waits at a gate, and its result."""

    def __init__(self, name: str, order: list[str], gate: threading.Event, seconds: float = 60) -> None:
        self.name = name
        self.results: list[Any] = []
        self.expired = False

        def decode() -> str:
            order.append(name)
            assert gate.wait(60)
            return name

        self.job = DecodeJob(time.monotonic() + seconds, decode, self.results.append, self._expire)

    def _expire(self) -> None:
        self.expired = True


def decode_order(
    scenario: Callable[[DecodePool, list[str], threading.Event], Any], threads: int = 1
) -> list[str]:
    """Run a scenario with a pool, and return the order in which bodies were decoded."""
    order: list[str] = []
    gate = threading.Event()

    async def whole() -> None:
        pool = DecodePool(threads)
        try:
            await scenario(pool, order, gate)
        finally:
            gate.set()
            pool.close()

    run(whole)
    return order


def test_many_bodies_for_one_model_do_not_delay_those_for_another():
    first, second = FakeModel("first"), FakeModel("second")

    async def scenario(pool: DecodePool, order: list[str], gate: threading.Event) -> None:
        many = [Body(f"many {number}", order, gate) for number in range(5)]
        for body in many:
            pool.submit(first, body.job)
        other = Body("other", order, gate)
        pool.submit(second, other.job)
        gate.set()
        await until(lambda: many[-1].results and other.results)

    assert decode_order(scenario).index("other") <= 2


def test_a_body_whose_deadline_has_passed_is_not_decoded():
    async def scenario(pool: DecodePool, order: list[str], gate: threading.Event) -> None:
        model = FakeModel("m")
        first, late = Body("first", order, gate), Body("late", order, gate, seconds=0.05)
        for body in (first, late):
            pool.submit(model, body.job)
        await until(lambda: late.expired)
        gate.set()
        await until(lambda: not pool.busy)
        assert late.results == []

    assert decode_order(scenario) == ["first"]


def test_a_job_expires_while_its_body_is_decoded():
    async def scenario(pool: DecodePool, order: list[str], gate: threading.Event) -> None:
        late = Body("late", order, gate, seconds=0.05)
        pool.submit(FakeModel("m"), late.job)
        await until(lambda: late.expired)
        assert pool.busy
        gate.set()
        await until(lambda: late.results)

    decode_order(scenario)


def test_a_cancelled_body_is_not_decoded():
    async def scenario(pool: DecodePool, order: list[str], gate: threading.Event) -> None:
        model = FakeModel("m")
        first, gone, last = (Body(name, order, gate) for name in ("first", "gone", "last"))
        for body in (first, gone, last):
            pool.submit(model, body.job)
        pool.cancel(model, gone.job)
        pool.cancel(model, gone.job)
        gate.set()
        await until(lambda: last.results)
        assert gone.results == []

    assert decode_order(scenario) == ["first", "last"]


def test_the_expected_wait_is_estimated_from_earlier_bodies():
    async def scenario(pool: DecodePool, order: list[str], gate: threading.Event) -> None:
        model = FakeModel("m")
        assert pool.seconds_ahead(model) == 0
        start = time.monotonic()
        slow = DecodeJob(start + 60, lambda: time.sleep(0.1), lambda _: None, lambda: None)
        pool.submit(model, slow)
        await until(lambda: not pool.busy)
        seconds = time.monotonic() - start
        for number in range(3):
            pool.submit(model, Body(str(number), order, gate).job)
        # Two bodies wait, and one is being decoded: each as long as the first, between 0.1 s and `seconds`.
        assert 0.29 < pool.seconds_ahead(model) <= 3 * seconds
        assert pool.seconds_ahead(FakeModel("other")) < pool.seconds_ahead(model)

    decode_order(scenario)


def test_any_error_becomes_the_result_and_the_thread_continues():
    async def scenario(pool: DecodePool, order: list[str], gate: threading.Event) -> None:
        gate.set()
        results: list[object] = []

        def fail() -> None:
            raise SystemExit(1)

        model = FakeModel("m")
        pool.submit(model, DecodeJob(time.monotonic() + 60, fail, results.append, lambda: None))
        after = Body("after", order, gate)
        pool.submit(model, after.job)
        await until(lambda: after.results)
        assert isinstance(results[0], RuntimeError)
        await asyncio.sleep(0)

    assert decode_order(scenario) == ["after"]
