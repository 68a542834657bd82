"""Which requests share a batch, in which order, and what is observed."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.serving.queued_request import QueuedRequest
from tests.app.serving.batching.conftest import POISON, Model, RecordingObserver, Request, batcher, run, until


def test_requests_that_arrive_in_one_iteration_of_the_event_loop_form_one_batch(model: Model):
    queue = batcher(model)
    requests = [Request(1), Request(2), Request(3)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: requests[-1].results)

    run(scenario)

    assert model.batches == [[1, 2, 3]]
    assert [request.result for request in requests] == [[2], [4], [6]]


def test_a_single_request_is_computed_in_the_next_iteration(model: Model):
    queue = batcher(model)
    request = Request(1)
    iterations = 0

    async def scenario() -> None:
        nonlocal iterations
        queue.submit(request.queued)
        while not request.results:
            iterations += 1
            await asyncio.sleep(0)

    run(scenario)

    assert iterations == 1


def test_on_threads_a_batch_forms_while_the_model_is_busy(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)
    requests = [Request(value) for value in (1, 2, 3, 4)]

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(requests[0].queued)
        await until(lambda: model.batches)
        for request in requests[1:]:
            queue.submit(request.queued)
        await asyncio.sleep(0.01)
        model.gate.set()
        await until(lambda: all(request.results for request in requests))

    run(scenario)

    assert model.batches == [[1], [2, 3, 4]]


def test_the_next_batch_starts_before_the_last_one_is_answered(model: Model, threads: ThreadPoolExecutor):
    observer = RecordingObserver()
    queue = batcher(model, threads, batch_size=1, observer=observer)
    started: list[int] = []

    async def scenario() -> None:
        for value in (1, 2):
            inputs = {"x": np.full((1, 1), value, np.float32)}
            deadline = time.monotonic() + 60
            queue.submit(QueuedRequest(inputs, deadline, lambda *_: started.append(len(observer.sizes))))
        await until(lambda: len(started) == 2)

    run(scenario)

    assert started == [2, 2]


def test_idle_threads_share_the_waiting_samples(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads, executors=2)
    requests = [Request(value) for value in (1, 2, 3, 4)]

    async def scenario() -> None:
        model.gate.clear()
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: len(model.batches) == 2)
        model.gate.set()
        await until(lambda: all(request.results for request in requests))

    run(scenario)

    assert sorted(model.batches) == [[1, 2], [3, 4]]


def test_a_batch_is_bounded_by_its_size_and_does_not_split_requests(model: Model):
    queue = batcher(model)
    requests = [Request(1, 2, 3), Request(4, 5), Request(6)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: all(request.results for request in requests))

    run(scenario)

    assert model.batches == [[1, 2, 3], [4, 5, 6]]
    assert [request.result for request in requests] == [[2, 4, 6], [8, 10], [12]]


def test_a_batch_is_bounded_by_the_time_it_takes(model: Model):
    queue = batcher(model, batch_seconds=0.2, seconds_per_sample=0.1)
    requests = [Request(value) for value in (1, 2, 3)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: requests[0].results)

    run(scenario)

    assert model.batches[0] == [1, 2]


def test_samples_of_different_shapes_do_not_share_a_batch(model: Model):
    queue = batcher(model)
    requests = [Request(1), Request(2, width=3), Request(3, width=3)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: all(request.results for request in requests))

    run(scenario)

    assert model.batches == [[1], [2, 3]]


def test_a_request_that_the_model_fails_on_does_not_fail_others(model: Model):
    queue = batcher(model)
    requests = [Request(1), Request(POISON), Request(3)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: all(request.results for request in requests))

    run(scenario)

    assert [requests[0].result, requests[2].result] == [[2], [6]]
    assert isinstance(requests[1].result, ValueError)


def test_queue_depth_waits_and_batch_sizes_are_observed(model: Model, threads: ThreadPoolExecutor):
    observer = RecordingObserver()
    queue = batcher(model, threads, observer=observer)

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(Request(1).queued)
        await until(lambda: model.batches)
        queue.submit(Request(2, 3).queued)
        await asyncio.sleep(0.02)
        assert observer.depths[-1] == 2
        model.gate.set()
        await until(lambda: not queue.busy)

    run(scenario)

    assert observer.depths[-1] == 0
    assert observer.sizes == [1, 2]
    assert observer.waits[1] >= 0.02


def test_running_since_is_the_start_of_the_unfinished_run(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads)

    async def scenario() -> None:
        assert queue.running_since is None
        model.gate.clear()
        before = time.monotonic()
        queue.submit(Request(1).queued)
        await until(lambda: model.batches)
        assert queue.running_since is not None
        assert before <= queue.running_since <= time.monotonic()
        model.gate.set()
        await until(lambda: not queue.busy)
        assert queue.running_since is None

    run(scenario)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from([1, 2, 3, POISON]), min_size=1, max_size=4), st.integers(1, 2)),
        max_size=20,
    ),
    st.booleans(),
)
def test_every_request_gets_its_own_result_exactly_once(sent: list[tuple[list[int], int]], on_threads: bool):
    model = Model()
    with ThreadPoolExecutor(2) as pool:
        queue = batcher(model, pool if on_threads else None, executors=2, queue_size=100)
        requests = [Request(*values, width=width) for values, width in sent]

        async def scenario() -> None:
            for index, request in enumerate(requests):
                queue.submit(request.queued)
                if index % 3 == 2:
                    await asyncio.sleep(0)
            await until(lambda: all(request.results for request in requests) and not queue.busy)

        run(scenario)

    assert all(len(batch) <= 4 for batch in model.batches)
    for request in requests:
        if POISON in request.values:
            assert isinstance(request.result, ValueError)
        else:
            assert request.result == [2 * value for value in request.values]
