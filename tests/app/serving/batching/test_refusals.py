"""Which requests the queue refuses or drops because of its size."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import Overloaded
from tests.app.serving.batching.conftest import Model, RecordingObserver, Request, batcher, run, until


def test_a_request_to_a_full_queue_is_refused_with_the_time_to_retry(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads, queue_size=2, seconds_per_sample=1.5)
    requests = [Request(value) for value in (1, 2, 3)]

    async def scenario() -> None:
        model.gate.clear()
        for request in requests:
            queue.submit(request.queued, queue.admit(10))
            await asyncio.sleep(0.01)
        with pytest.raises(Overloaded) as caught:
            queue.admit(10)
        assert caught.value.retry_after == 5
        model.gate.set()
        await until(lambda: not queue.busy)
        queue.admit(10)

    run(scenario)


def test_samples_of_a_body_replace_the_slot_of_its_head(model: Model, threads: ThreadPoolExecutor):
    observer = RecordingObserver()
    queue = batcher(model, threads, queue_size=8, observer=observer)
    requests = [Request(1, 2, 3) for _ in range(6)]

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(Request(0).queued)
        await until(lambda: model.batches)
        slots = [queue.admit(10) for _ in requests]
        for request, slot in zip(requests, slots, strict=True):
            queue.submit(request.queued, slot)
        refused = [request for request in requests if request.results]
        assert {request.error for request in refused} == {Overloaded}
        assert max(observer.depths) <= 8
        model.gate.set()
        await until(lambda: all(request.results for request in requests))

    run(scenario)

    # Beside the slots of the other heads there was room for the first, and later for one more.
    assert [request.result for request in requests if isinstance(request.result, list)] == [[2, 4, 6]] * 2


def test_a_request_larger_than_the_queue_is_accepted_when_nothing_waits(model: Model):
    queue = batcher(model, queue_size=1)
    request = Request(1, 2, 3)

    async def scenario() -> None:
        queue.submit(request.queued, queue.admit(10))
        await until(lambda: request.results)

    run(scenario)

    assert request.result == [2, 4, 6]


def test_a_slot_whose_body_does_not_arrive_is_given_to_another_request(
    model: Model, monkeypatch: pytest.MonkeyPatch
):
    queue = batcher(model, queue_size=2)
    now = time.monotonic()
    slow = [queue.admit(10), queue.admit(10)]
    with pytest.raises(Overloaded):
        queue.admit(10)

    monkeypatch.setattr("app.serving.queue_slots.time.monotonic", lambda: now + 2)

    queue.confirm(queue.admit(10))
    queue.confirm(slow[0])
    with pytest.raises(Overloaded):
        queue.confirm(slow[1])


def test_a_body_that_waits_to_be_decoded_counts_as_a_waiting_sample(model: Model):
    observer = RecordingObserver()
    queue = batcher(model, queue_size=2, observer=observer)
    slots = [queue.admit(10), queue.admit(10)]
    for slot in slots:
        queue.confirm(slot)

    assert observer.depths[-1] == 2
    with pytest.raises(Overloaded):
        queue.admit(10)
    for slot in slots:
        queue.release(slot)
    assert observer.depths[-1] == 0


def test_a_cancelled_request_frees_its_room_in_the_queue(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads, queue_size=1)
    first, cancelled, next_request = Request(1), Request(2), Request(3)

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(first.queued)
        await until(lambda: model.batches)
        queue.submit(cancelled.queued)
        with pytest.raises(Overloaded):
            queue.admit(10)
        queue.cancel(cancelled.queued)
        queue.submit(next_request.queued, queue.admit(10))
        model.gate.set()
        await until(lambda: next_request.results)

    run(scenario)

    assert cancelled.results == []
    assert model.batches == [[1], [3]]
