"""What the queue counts: places, samples that are computed, batches, and the seconds that a sample takes."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import DeadlineExceeded, Overloaded
from app.tensors import Arrays
from tests.app.serving.batching.conftest import Model, Request, batcher, run, until


def test_an_idle_queue_admits_any_request_that_has_time_left(model: Model):
    batcher(model, seconds_per_sample=100).admit(1e-3)


def test_a_request_that_would_end_exactly_at_its_deadline_is_admitted(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads, seconds_per_sample=1)

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(Request(1).queued)
        await until(lambda: model.batches)
        queue.admit(2)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(scenario)


def test_samples_that_all_threads_compute_count_until_they_are_computed(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads, executors=2, seconds_per_sample=1)

    async def scenario() -> None:
        model.gate.clear()
        for value in (1, 2):
            queue.submit(Request(value).queued)
            await until(lambda value=value: len(model.batches) == value)
        # Two samples on two threads take a second, and the next one its own.
        with pytest.raises(Overloaded):
            queue.admit(1.75)
        model.gate.set()
        await until(lambda: not queue.busy)
        queue.admit(1e-3)

    run(scenario)


def test_threads_that_have_computed_share_what_waits_again(model: Model, threads: ThreadPoolExecutor):
    queue = batcher(model, threads, executors=2)

    async def scenario() -> None:
        for before in (0, 2):
            model.gate.clear()
            for value in (1, 2, 3, 4):
                queue.submit(Request(value).queued)
            await until(lambda before=before: len(model.batches) == before + 2)
            model.gate.set()
            await until(lambda: not queue.busy)

    run(scenario)

    assert sorted(model.batches) == [[1, 2], [1, 2], [3, 4], [3, 4]]


def test_on_the_event_loop_a_batch_is_not_shared(model: Model):
    queue = batcher(model, executors=2)
    requests = [Request(value) for value in (1, 2, 3, 4)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
        await until(lambda: not queue.busy)

    run(scenario)

    assert model.batches == [[1, 2, 3, 4]]


def test_finished_batches_are_counted(model: Model):
    queue = batcher(model)
    counts = [queue.finished_batches]

    async def scenario() -> None:
        for value in (1, 2):
            queue.submit(Request(value).queued)
            await until(lambda: not queue.busy)
            counts.append(queue.finished_batches)

    run(scenario)

    assert counts == [0, 1, 2]


def test_each_run_moves_the_estimate_a_tenth_of_the_way_to_what_a_sample_took():
    def slow(_: Arrays) -> None:
        time.sleep(0.1)
        raise ValueError

    queue = batcher(slow, seconds_per_sample=1e-6, batch_size=1)  # type: ignore[arg-type]
    request = Request(1, 2, 3, 4)

    async def scenario() -> None:
        queue.submit(request.queued)
        await until(lambda: request.results)

    began = time.monotonic()
    run(scenario)

    assert 0.1 * 0.1 / 4 < queue.seconds_per_sample < 0.1 * (time.monotonic() - began) / 4 + 1e-6


def test_an_estimate_that_is_too_high_is_lowered(model: Model):
    queue = batcher(model, seconds_per_sample=1000)

    async def scenario() -> None:
        queue.submit(Request(1).queued)
        await until(lambda: not queue.busy)

    run(scenario)

    assert queue.seconds_per_sample == pytest.approx(900, abs=10)


def test_after_a_fault_of_the_queue_every_place_is_free(model: Model, monkeypatch: pytest.MonkeyPatch):
    queue = batcher(model, queue_size=1)
    failed = Request(1)

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(queue, "_take_batch", lambda: 1 / 0)
            queue.submit(failed.queued)
            await until(lambda: failed.results)
        assert not queue.busy
        queue.admit(10)

    run(scenario)


def test_a_client_that_leaves_while_its_request_is_computed_is_told_nothing(
    model: Model, threads: ThreadPoolExecutor
):
    queue = batcher(model, threads)
    gone = Request(1)

    async def scenario() -> None:
        model.gate.clear()
        queue.submit(gone.queued)
        await until(lambda: model.batches)
        queue.cancel(gone.queued)
        model.gate.set()
        await until(lambda: not queue.busy)

    run(scenario)

    assert gone.results == []


def test_what_expires_before_the_queue_comes_to_it_never_reaches_the_model(model: Model):
    queue = batcher(model)
    late = Request(1, seconds=0.05)

    async def scenario() -> None:
        queue.submit(late.queued)
        time.sleep(0.1)  # noqa: ASYNC251 - holds the event loop up
        await until(lambda: late.results)

    run(scenario)

    assert late.error is DeadlineExceeded
    assert model.batches == []


def test_a_model_that_wants_to_end_the_process_fails_its_request_and_says_how():
    def leave(_: Arrays) -> None:
        raise SystemExit(3)

    queue = batcher(leave)  # type: ignore[arg-type]
    request = Request(1)

    async def scenario() -> None:
        queue.submit(request.queued)
        await until(lambda: request.results)

    run(scenario)

    assert repr(request.result) == "RuntimeError('SystemExit(3)')"
