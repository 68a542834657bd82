"""What shares a batch, in which order, and what is told of it."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.serving.work import QueuedRequest
from tests.app.serving.batching.conftest import POISON, Model, Request, Silent, batcher, run, until


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
            deadline = time.monotonic() + 60
            queue.submit(QueuedRequest(inputs, deadline, lambda *_: begun.append(len(seen.sizes))))
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
    assert seen.waits[1] >= 0.02


def test_the_oldest_run_is_told_while_it_lasts(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)

    async def work() -> None:
        assert queue.oldest is None
        model.gate.clear()
        before = time.monotonic()
        queue.submit(Request(1).work)
        await until(lambda: model.batches)
        assert queue.oldest is not None
        assert before <= queue.oldest <= time.monotonic()
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
