"""What is refused, given up or forgotten: a full queue, deadlines, clients that leave."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from app.errors import DeadlineExceeded, Overloaded
from tests.app.serving.batching.conftest import Model, Request, Silent, batcher, run, until


def test_beyond_the_queue_requests_are_refused_and_told_when_to_come_back(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads, queue_size=2, seconds_a_sample=1.5)
    requests = [Request(value) for value in (1, 2, 3)]

    async def work() -> None:
        model.gate.clear()
        for request in requests:
            queue.submit(request.work, queue.admit(10))
            await asyncio.sleep(0.01)
        with pytest.raises(Overloaded) as caught:
            queue.admit(10)
        assert caught.value.retry_after == 5
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
        with pytest.raises(Overloaded, match="2 samples wait already"):
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
        # The model is still computing the first request.
        await until(lambda: late.results)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(work)

    assert late.error is DeadlineExceeded
    assert model.batches == [[1]]


def test_work_that_expired_on_its_way_never_reaches_the_model(model: Model):
    queue = batcher(model)
    late, first = Request(2, seconds=-1), Request(1)

    async def work() -> None:
        queue.submit(late.work)
        queue.submit(first.work)
        await until(lambda: first.results)

    run(work)

    assert late.error is DeadlineExceeded
    assert model.batches == [[1]]


def test_a_batch_is_no_larger_than_its_earliest_deadline_allows(model: Model):
    queue = batcher(model, seconds_a_sample=10, batch_seconds=100)
    requests = [Request(1, seconds=25), Request(2, seconds=1000), Request(3, seconds=1000)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
        await until(lambda: all(request.results for request in requests))

    run(work)

    assert model.batches[0] == [1, 2]
    assert [request.result for request in requests] == [[2], [4], [6]]


def test_what_cannot_be_done_by_its_deadline_is_not_computed(model: Model):
    queue = batcher(model, seconds_a_sample=1)
    late, first = Request(1, seconds=0.5), Request(2)

    async def work() -> None:
        for request in (late, first):
            queue.submit(request.work)
        await until(lambda: first.results)

    run(work)

    assert late.error is DeadlineExceeded
    assert model.batches == [[2]]


def test_an_estimate_that_refuses_everything_is_put_right_by_a_run(model: Model):
    queue = batcher(model, seconds_a_sample=100)
    results: list[object] = []

    async def work() -> None:
        for value in range(50):
            request = Request(value, seconds=50)
            queue.submit(request.work, queue.admit(50))
            await until(lambda request=request: request.results)
            results.append(request.result)

    run(work)

    assert results == [[2 * value] for value in range(50)]
    assert queue.seconds < 50


def test_expired_requests_say_nothing_of_how_fast_the_model_is(model: Model):
    queue = batcher(model, seconds_a_sample=1e-3)
    late = [Request(value, seconds=-1) for value in range(10_000)]
    last = Request(1)

    async def work() -> None:
        for request in late:
            with pytest.raises(DeadlineExceeded):
                queue.admit(0)
            queue.submit(request.work)
        assert queue.seconds == 1e-3
        queue.submit(last.work)
        await until(lambda: last.results)

    run(work)

    assert {request.error for request in late} == {DeadlineExceeded}
    assert last.result == [2]


@pytest.mark.parametrize("seconds", [0.0, 1e-320, 1e300])
def test_no_estimate_stops_the_queue(model: Model, seconds: float):
    queue = batcher(model, seconds_a_sample=seconds)
    requests = [Request(value) for value in (1, 2)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
            await until(lambda request=request: request.results)

    run(work)

    assert [request.result for request in requests] == [[2], [4]]


def test_heads_reserve_places_and_bodies_settle_them(model: Model, threads: ThreadPoolExecutor):
    seen = Silent()
    queue = batcher(model, threads, queue_size=8, observer=seen)
    requests = [Request(1, 2, 3) for _ in range(6)]

    async def work() -> None:
        model.gate.clear()
        queue.submit(Request(0).work)
        await until(lambda: model.batches)
        places = [queue.admit(10) for _ in requests]
        for request, place in zip(requests, places, strict=True):
            queue.submit(request.work, place)
        refused = [request for request in requests if request.results]
        assert {request.error for request in refused} == {Overloaded}
        assert max(seen.depths) <= 8
        model.gate.set()
        await until(lambda: all(request.results for request in requests))

    run(work)

    # Beside the places of the other heads there was room for the first, and later for one more.
    assert [request.result for request in requests if isinstance(request.result, list)] == [[2, 4, 6]] * 2


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(model: Model):
    queue = batcher(model, queue_size=1)
    request = Request(1, 2, 3)

    async def work() -> None:
        queue.submit(request.work, queue.admit(10))
        await until(lambda: request.results)

    run(work)

    assert request.result == [2, 4, 6]


def test_places_of_heads_whose_bodies_do_not_come_are_given_to_others(
    model: Model, monkeypatch: pytest.MonkeyPatch
):
    queue = batcher(model, queue_size=2)
    now = time.monotonic()
    slow = [queue.admit(10), queue.admit(10)]
    with pytest.raises(Overloaded):
        queue.admit(10)

    monkeypatch.setattr("app.serving.places.time.monotonic", lambda: now + 2)

    queue.keep(queue.admit(10))
    queue.keep(slow[0])
    with pytest.raises(Overloaded):
        queue.keep(slow[1])


def test_bodies_that_wait_to_be_read_are_told_as_waiting(model: Model):
    seen = Silent()
    queue = batcher(model, queue_size=2, observer=seen)
    places = [queue.admit(10), queue.admit(10)]
    for place in places:
        queue.keep(place)

    assert seen.depths[-1] == 2
    with pytest.raises(Overloaded):
        queue.admit(10)
    for place in places:
        queue.release(place)
    assert seen.depths[-1] == 0


def test_a_fault_of_the_queue_ends_what_waits_and_it_goes_on(model: Model, monkeypatch: pytest.MonkeyPatch):
    queue = batcher(model)
    failed, after = Request(1), Request(2)

    async def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(queue, "_take", lambda: 1 / 0)
            queue.submit(failed.work)
            await until(lambda: failed.results)
        queue.submit(after.work)
        await until(lambda: after.results)

    run(work)

    assert isinstance(failed.result, ZeroDivisionError)
    assert after.result == [4]


def test_an_answer_that_cannot_be_given_is_nobody_elses_loss(model: Model):
    queue = batcher(model)
    first, second = Request(1), Request(2)

    async def work() -> None:
        first.work.done = lambda *_: 1 / 0  # type: ignore[assignment]
        for request in (first, second):
            queue.submit(request.work)
        await until(lambda: second.results)

    run(work)

    assert second.result == [4]
    assert not queue.busy


def test_where_there_is_no_thread_the_request_fails_and_the_queue_goes_on(model: Model):
    class Exhausted(ThreadPoolExecutor):
        def submit(self, *_: object) -> NoReturn:  # type: ignore[override]
            raise RuntimeError("can't start new thread")

    queue = batcher(model, Exhausted())
    requests = [Request(1), Request(2)]

    async def work() -> None:
        for request in requests:
            queue.submit(request.work)
            await until(lambda request=request: request.results)

    run(work)

    assert all(isinstance(request.result, RuntimeError) for request in requests)
    assert not queue.busy


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

    assert request.error is DeadlineExceeded


def test_a_client_that_leaves_gives_its_place_back(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads, queue_size=1)
    first, gone, next_one = Request(1), Request(2), Request(3)

    async def work() -> None:
        model.gate.clear()
        queue.submit(first.work)
        await until(lambda: model.batches)
        queue.submit(gone.work)
        with pytest.raises(Overloaded):
            queue.admit(10)
        queue.cancel(gone.work)
        queue.submit(next_one.work, queue.admit(10))
        model.gate.set()
        await until(lambda: next_one.results)

    run(work)

    assert gone.results == []
    assert model.batches == [[1], [3]]
