"""What is refused, given up or forgotten: a full queue, deadlines, clients that leave."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.problems import Problem
from tests.app.batching.conftest import Model, Request, batcher, run, until


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
