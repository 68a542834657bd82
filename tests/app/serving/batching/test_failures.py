"""How the queue goes on after an error outside the model."""

from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pytest

from tests.app.serving.batching.conftest import Model, Request, batcher, run, until


def test_an_error_in_the_queue_fails_the_waiting_requests_and_later_ones_are_served(
    model: Model, monkeypatch: pytest.MonkeyPatch
):
    queue = batcher(model)
    failed, after = Request(1), Request(2)

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(queue, "_take_batch", lambda: 1 / 0)
            queue.submit(failed.queued)
            await until(lambda: failed.results)
        queue.submit(after.queued)
        await until(lambda: after.results)

    run(scenario)

    assert isinstance(failed.result, ZeroDivisionError)
    assert after.result == [4]


def test_a_result_that_cannot_be_passed_on_does_not_affect_other_requests(model: Model):
    queue = batcher(model)
    first, second = Request(1), Request(2)

    async def scenario() -> None:
        first.queued.on_result = lambda *_: 1 / 0  # type: ignore[assignment]
        for request in (first, second):
            queue.submit(request.queued)
        await until(lambda: second.results)

    run(scenario)

    assert second.result == [4]
    assert not queue.busy


def test_without_a_free_thread_the_request_fails_and_the_queue_continues(model: Model):
    class Exhausted(ThreadPoolExecutor):
        def submit(self, *_: object) -> NoReturn:  # type: ignore[override]
            raise RuntimeError("can't start new thread")

    queue = batcher(model, Exhausted())
    requests = [Request(1), Request(2)]

    async def scenario() -> None:
        for request in requests:
            queue.submit(request.queued)
            await until(lambda request=request: request.results)

    run(scenario)

    assert all(isinstance(request.result, RuntimeError) for request in requests)
    assert not queue.busy
