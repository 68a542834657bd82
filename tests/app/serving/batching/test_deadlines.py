"""How the queue keeps the deadlines of requests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import DeadlineExceeded, Overloaded
from tests.app.serving.batching.conftest import Model, Request, batcher, run, until


def test_a_request_that_would_wait_beyond_its_deadline_is_refused_at_once(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads, seconds_per_sample=1)

    async def scenario() -> None:
        model.gate.clear()
        for value in (1, 2, 3):
            queue.submit(Request(value).queued)
            await asyncio.sleep(0.01)
        # The first is computed, two wait, and the new request itself takes a second.
        queue.admit(4.5)
        with pytest.raises(Overloaded, match="2 samples are already waiting"):
            queue.admit(3.5)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(scenario)


def test_a_request_that_expires_in_the_queue_is_not_computed(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)
    first, late = Request(1), Request(2, seconds=0.02)

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(first.queued)
        await until(lambda: model.batches)
        queue.submit(late.queued)
        # The model is still computing the first request.
        await until(lambda: late.results)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(scenario)

    assert late.error is DeadlineExceeded
    assert model.batches == [[1]]


def test_a_request_that_is_submitted_after_its_deadline_is_not_computed(model: Model):
    queue = batcher(model)
    late, first = Request(2, seconds=-1), Request(1)

    async def scenario() -> None:
        queue.submit(late.queued)
        queue.submit(first.queued)
        await until(lambda: first.results)

    run(scenario)

    assert late.error is DeadlineExceeded
    assert model.batches == [[1]]


def test_a_batch_is_no_larger_than_its_earliest_deadline_allows(model: Model):
    queue = batcher(model, seconds_per_sample=10, batch_seconds=100)
    requests = [Request(1, seconds=25), Request(2, seconds=1000), Request(3, seconds=1000)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: all(request.results for request in requests))

    run(scenario)

    assert model.batches[0] == [1, 2]
    assert [request.result for request in requests] == [[2], [4], [6]]


def test_a_request_that_cannot_be_computed_before_its_deadline_is_not_computed(model: Model):
    queue = batcher(model, seconds_per_sample=1)
    late, first = Request(1, seconds=0.5), Request(2)

    async def scenario() -> None:
        for request in (late, first):
            queue.submit(request.queued)
        await until(lambda: first.results)

    run(scenario)

    assert late.error is DeadlineExceeded
    assert model.batches == [[2]]


def test_a_run_corrects_an_estimate_that_would_refuse_every_request(model: Model):
    queue = batcher(model, seconds_per_sample=100)
    results: list[object] = []

    async def scenario() -> None:
        for value in range(50):
            request = Request(value, seconds=50)
            queue.submit(request.queued, queue.admit(50))
            await until(lambda request=request: request.results)
            results.append(request.result)

    run(scenario)

    assert results == [[2 * value] for value in range(50)]
    assert queue.seconds_per_sample < 50


def test_expired_requests_do_not_change_the_estimate(model: Model):
    queue = batcher(model, seconds_per_sample=1e-3)
    late = [Request(value, seconds=-1) for value in range(10_000)]
    last = Request(1)

    async def scenario() -> None:
        for request in late:
            with pytest.raises(DeadlineExceeded):
                queue.admit(0)
            queue.submit(request.queued)
        assert queue.seconds_per_sample == 1e-3
        queue.submit(last.queued)
        await until(lambda: last.results)

    run(scenario)

    assert {request.error for request in late} == {DeadlineExceeded}
    assert last.result == [2]


@pytest.mark.parametrize("seconds", [0.0, 1e-320, 1e300])
def test_the_queue_works_with_any_estimate(model: Model, seconds: float):
    queue = batcher(model, seconds_per_sample=seconds)
    requests = [Request(value) for value in (1, 2)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
            await until(lambda request=request: request.results)

    run(scenario)

    assert [request.result for request in requests] == [[2], [4]]


def test_a_request_expires_while_the_model_computes_it(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)
    request = Request(1, seconds=0.02)

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(request.queued)
        await until(lambda: request.results)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(scenario)

    assert request.error is DeadlineExceeded
