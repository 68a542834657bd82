"""The queue before a model: what shares a batch, what waits, what is given up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.batching import Batcher, Limits, Work
from app.predictions import Answers
from app.problems import Problem
from app.signature import Signature
from app.tensors import Arrays

SIGNATURE = Signature.model_validate(
    {
        "name": "m",
        "version": "1",
        "formats": [],
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, -1]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
        "labels": None,
        "activation": None,
        "image": None,
    }
)
POISON = 666


class Model:
    """Doubles each sample's first value; remembers its batches; refuses poison; waits at a gate."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.gate = Event()
        self.gate.set()

    def __call__(self, inputs: Arrays) -> Answers:
        first = inputs["x"][:, 0]
        self.batches.append(first.tolist())
        assert self.gate.wait(10)
        if POISON in first:
            raise ValueError("poison")
        return Answers({"y": first * 2}, SIGNATURE)


class Silent:
    """Is told, and tells nobody."""

    def __init__(self) -> None:
        self.depths: list[float] = []
        self.waits: list[float] = []
        self.sizes: list[float] = []
        self.queued, self.waited, self.batched = self.depths.append, self.waits.append, self.sizes.append


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    yield model
    model.gate.set()


def batcher(model: Model, executor: ThreadPoolExecutor | None = None, **options: Any) -> Batcher:
    limits = {"queue_size": 8, "batch_size": 4, "batch_seconds": 1.0}
    return Batcher(
        model,
        limits=Limits(**{name: options.pop(name, value) for name, value in limits.items()}),  # type: ignore[arg-type]
        seconds_a_sample=options.pop("seconds_a_sample", 1e-4),
        executor=executor,
        executors=options.pop("executors", 1),
        observer=options.pop("observer", Silent()),
        **options,
    )


class Request:
    """Samples with values of their own, and what came of them."""

    def __init__(self, *values: float, width: int = 1, seconds: float = 10) -> None:
        self.values = values
        self.results: list[list[float] | Exception] = []
        inputs = {"x": np.repeat(np.array(values, np.float32)[:, np.newaxis], width, axis=1)}
        self.work = Work(inputs, time.monotonic() + seconds, self._done)

    def _done(self, result: Answers | Exception, first: int) -> None:
        self.results.append(
            result if isinstance(result, Exception) else result.arrays(first, len(self.values))["y"].tolist()
        )

    @property
    def result(self) -> list[float] | Exception:
        (only,) = self.results
        return only

    @property
    def status(self) -> int:
        assert isinstance(self.result, Problem)
        return self.result.status


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await work()

    asyncio.run(bounded())


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110 - what is waited for knows nothing of events
        await asyncio.sleep(0.001)


def test_what_arrives_in_one_turn_of_the_loop_is_one_batch(model: Model):
    queue = batcher(model)
    requests = [Request(1), Request(2), Request(3)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
        await until(lambda: requests[-1].results)

    run(work)

    assert model.batches == [[1, 2, 3]]
    assert [request.result for request in requests] == [[2], [4], [6]]


def test_a_lone_request_waits_for_nobody(model: Model):
    queue = batcher(model)
    request = Request(1)
    turns = 0

    async def work() -> None:
        nonlocal turns
        queue.submit(request.work)
        while not request.results:
            turns += 1
            await asyncio.sleep(0)

    run(work)

    assert turns == 1


def test_on_threads_a_batch_gathers_while_the_model_is_busy(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)
    requests = [Request(value) for value in (1, 2, 3, 4)]

    async def work() -> None:
        model.gate.clear()
        queue.submit(requests[0].work)
        await until(lambda: model.batches)
        for request in requests[1:]:
            queue.submit(request.work)
        await asyncio.sleep(0.01)
        model.gate.set()
        await until(lambda: all(request.results for request in requests))

    run(work)

    assert model.batches == [[1], [2, 3, 4]]


def test_the_next_batch_is_begun_before_the_last_is_answered(model: Model, threads: ThreadPoolExecutor):
    seen = Silent()
    queue = batcher(model, threads, batch_size=1, observer=seen)
    begun: list[int] = []

    async def work() -> None:
        for value in (1, 2):
            inputs = {"x": np.full((1, 1), value, np.float32)}
            queue.submit(Work(inputs, time.monotonic() + 10, lambda *_: begun.append(len(seen.sizes))))
        await until(lambda: len(begun) == 2)

    run(work)

    assert begun == [2, 2]


def test_idle_threads_share_what_waits(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads, executors=2)
    requests = [Request(value) for value in (1, 2, 3, 4)]

    async def work() -> None:
        model.gate.clear()
        for request in requests:
            queue.submit(request.work)
        await until(lambda: len(model.batches) == 2)
        model.gate.set()
        await until(lambda: all(request.results for request in requests))

    run(work)

    assert sorted(model.batches) == [[1, 2], [3, 4]]


def test_a_batch_is_bounded_by_its_size_and_keeps_requests_whole(model: Model):
    queue = batcher(model)
    requests = [Request(1, 2, 3), Request(4, 5), Request(6)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
        await until(lambda: all(request.results for request in requests))

    run(work)

    assert model.batches == [[1, 2, 3], [4, 5, 6]]
    assert [request.result for request in requests] == [[2, 4, 6], [8, 10], [12]]


def test_a_batch_is_bounded_by_the_time_it_takes(model: Model):
    queue = batcher(model, batch_seconds=0.2, seconds_a_sample=0.1)
    requests = [Request(value) for value in (1, 2, 3)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
        await until(lambda: requests[0].results)

    run(work)

    assert model.batches[0] == [1, 2]


def test_samples_of_other_shapes_do_not_share_a_batch(model: Model):
    queue = batcher(model)
    requests = [Request(1), Request(2, width=3), Request(3, width=3)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
        await until(lambda: all(request.results for request in requests))

    run(work)

    assert model.batches == [[1], [2, 3]]


def test_a_poisonous_request_fails_alone(model: Model):
    queue = batcher(model)
    requests = [Request(1), Request(POISON), Request(3)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
        await until(lambda: all(request.results for request in requests))

    run(work)

    assert [requests[0].result, requests[2].result] == [[2], [6]]
    assert isinstance(requests[1].result, ValueError)


def test_beyond_the_queue_requests_are_refused_and_told_when_to_come_back(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads, queue_size=2, seconds_a_sample=1.5)
    requests = [Request(value) for value in (1, 2, 3)]

    async def work() -> None:
        model.gate.clear()
        for request in requests:
            queue.admit(10)
            queue.submit(request.work)
            await asyncio.sleep(0.01)
        with pytest.raises(Problem) as caught:
            queue.admit(10)
        assert caught.value.status == 503
        assert caught.value.headers == {"retry-after": "5"}
        assert caught.value.reason == "overloaded"
        model.gate.set()
        await until(lambda: not queue.busy)
        queue.admit(10)

    run(work)


def test_a_request_that_would_wait_beyond_its_deadline_is_refused_at_once(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads, seconds_a_sample=1)

    async def work() -> None:
        model.gate.clear()
        for value in (1, 2, 3):
            queue.submit(Request(value).work)
            await asyncio.sleep(0.01)
        # One is computed, two wait, and then its own second.
        queue.admit(4.5)
        with pytest.raises(Problem, match="2 samples wait already"):
            queue.admit(3.5)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(work)


def test_expired_work_never_reaches_the_model(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)
    first, late = Request(1), Request(2, seconds=0.02)

    async def work() -> None:
        model.gate.clear()
        queue.submit(first.work)
        await until(lambda: model.batches)
        queue.submit(late.work)
        began = time.monotonic()
        await until(lambda: late.results)
        assert time.monotonic() - began < 1
        model.gate.set()
        await until(lambda: not queue.busy)

    run(work)

    assert late.status == 504
    assert model.batches == [[1]]


def test_work_that_expired_on_its_way_never_reaches_the_model(model: Model):
    queue = batcher(model)
    late, first = Request(2, seconds=-1), Request(1)

    async def work() -> None:
        queue.submit(late.work)
        queue.submit(first.work)
        await until(lambda: first.results)

    run(work)

    assert late.status == 504
    assert model.batches == [[1]]


def test_a_batch_is_no_larger_than_its_earliest_deadline_allows(model: Model):
    queue = batcher(model, seconds_a_sample=0.1)
    requests = [Request(1, seconds=0.25), Request(2), Request(3)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
        await until(lambda: all(request.results for request in requests))

    run(work)

    assert model.batches[0] == [1, 2]
    assert [request.result for request in requests] == [[2], [4], [6]]


def test_what_cannot_be_done_by_its_deadline_is_not_computed_unless_the_estimate_was_wrong(model: Model):
    queue = batcher(model, seconds_a_sample=1)
    statuses: list[object] = []

    async def work() -> None:
        for value in range(50):
            request = Request(value, seconds=0.5)
            queue.admit(0.5)
            queue.submit(request.work)
            await until(lambda request=request: request.results)
            statuses.append(request.result)

    run(work)

    assert isinstance(statuses[0], Problem)
    assert statuses[0].status == 504
    # The model is fast in truth, and that is found out.
    assert statuses[-1] == [98]


def test_a_deadline_is_kept_while_the_model_computes(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)
    request = Request(1, seconds=0.02)

    async def work() -> None:
        model.gate.clear()
        queue.submit(request.work)
        await until(lambda: request.results)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(work)

    assert request.status == 504


def test_a_client_that_leaves_gives_its_place_back(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads, queue_size=1)
    first, gone, next_one = Request(1), Request(2), Request(3)

    async def work() -> None:
        model.gate.clear()
        queue.submit(first.work)
        await until(lambda: model.batches)
        queue.submit(gone.work)
        with pytest.raises(Problem):
            queue.admit(10)
        queue.cancel(gone.work)
        queue.admit(10)
        queue.submit(next_one.work)
        model.gate.set()
        await until(lambda: next_one.results)

    run(work)

    assert gone.results == []
    assert model.batches == [[1], [3]]


def test_what_waits_and_how_long_is_observed(model: Model, threads: ThreadPoolExecutor):
    seen = Silent()
    queue = batcher(model, threads, observer=seen)

    async def work() -> None:
        model.gate.clear()
        queue.submit(Request(1).work)
        await until(lambda: model.batches)
        queue.submit(Request(2, 3).work)
        await asyncio.sleep(0.02)
        assert seen.depths[-1] == 2
        model.gate.set()
        await until(lambda: not queue.busy)

    run(work)

    assert seen.depths[-1] == 0
    assert seen.sizes == [1, 2]
    assert seen.waits[0] < 0.02 <= seen.waits[1]


def test_the_oldest_run_is_told_while_it_lasts(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)

    async def work() -> None:
        assert queue.oldest is None
        model.gate.clear()
        began = time.monotonic()
        queue.submit(Request(1).work)
        await until(lambda: model.batches)
        assert queue.oldest == pytest.approx(began, abs=1)
        model.gate.set()
        await until(lambda: not queue.busy)
        assert queue.oldest is None

    run(work)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from([1, 2, 3, POISON]), min_size=1, max_size=4), st.integers(1, 2)),
        max_size=20,
    ),
    st.booleans(),
)
def test_every_request_ends_once_with_its_own_answer(sent: list[tuple[list[int], int]], on_threads: bool):
    model = Model()
    with ThreadPoolExecutor(2) as pool:
        queue = batcher(model, pool if on_threads else None, executors=2, queue_size=100)
        requests = [Request(*values, width=width) for values, width in sent]

        async def work() -> None:
            for index, request in enumerate(requests):
                queue.submit(request.work)
                if index % 3 == 2:
                    await asyncio.sleep(0)
            await until(lambda: all(request.results for request in requests) and not queue.busy)

        run(work)

    assert all(len(batch) <= 4 for batch in model.batches)
    for request in requests:
        if POISON in request.values:
            assert isinstance(request.result, ValueError)
        else:
            assert request.result == [2 * value for value in request.values]
