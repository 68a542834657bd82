"""An exchange as a transport uses it: when it provides a buffer for the body, and what it gives back."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.http.exchange import MAX_PREALLOCATION_RATIO, MIN_DIRECT_BYTES, Exchange
from app.http.routes import inference_routes
from app.protocols.messages import Response
from app.serving.decode_pool import DecodeJob
from app.serving.service import Service
from tests.app.conftest import Client as HttpClient
from tests.app.open_inference import TINY
from tests.app.process import SAMPLE
from tests.app.serving.batching.conftest import run, until

Serve = Callable[..., Service]


class Client:
    """Sends one request to an exchange, and keeps the responses."""

    def __init__(self, service: Service, length: int | None, **headers: str) -> None:
        self.responses: list[Response] = []
        given = {"content-type": "application/json", **headers}
        if length is not None:
            given["content-length"] = str(length)
        self.exchange = Exchange(
            service,
            inference_routes(service)[b"/predict"],
            {name.replace("_", "-").encode(): value.encode() for name, value in given.items()},
            self.responses.append,
        )

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.responses]

    def send(self, body: bytes) -> None:
        self.exchange.receive(body)
        self.exchange.complete()


def padded(length: int) -> bytes:
    """Return a sample as JSON of so many bytes."""
    return SAMPLE[:-1] + b" " * (length - len(SAMPLE)) + b"]"


def test_a_body_gets_a_buffer_once_a_sixteenth_of_it_has_arrived(tiny: Path, serve: Serve):
    length = 2 * MIN_DIRECT_BYTES
    client = Client(serve(tiny), length)

    client.exchange.receive(b" " * (length // MAX_PREALLOCATION_RATIO - 1))
    assert len(client.exchange.body_buffer()) == 0
    client.exchange.receive(b" ")

    assert len(client.exchange.body_buffer()) == length - length // MAX_PREALLOCATION_RATIO


@pytest.mark.parametrize(
    ("missing", "size"), [(MIN_DIRECT_BYTES, MIN_DIRECT_BYTES), (MIN_DIRECT_BYTES - 1, 0)]
)
def test_a_body_gets_no_buffer_if_little_of_it_is_missing(tiny: Path, serve: Serve, missing: int, size: int):
    client = Client(serve(tiny), 2 * MIN_DIRECT_BYTES)

    client.exchange.receive(b" " * (2 * MIN_DIRECT_BYTES - missing))

    assert len(client.exchange.body_buffer()) == size


def test_a_body_of_unknown_length_gets_no_buffer(tiny: Path, serve: Serve):
    client = Client(serve(tiny), None)

    client.exchange.receive(b" " * MIN_DIRECT_BYTES)

    assert len(client.exchange.body_buffer()) == 0


def test_a_cancelled_request_gets_no_buffer(tiny: Path, serve: Serve):
    client = Client(serve(tiny), 2 * MIN_DIRECT_BYTES)
    client.exchange.receive(b" " * MIN_DIRECT_BYTES)

    client.exchange.cancel()

    assert len(client.exchange.body_buffer()) == 0


def test_a_body_that_is_written_into_its_buffer_is_answered(tiny: Path, serve: Serve):
    body = padded(2 * MIN_DIRECT_BYTES)
    client = Client(serve(tiny), len(body))

    async def scenario() -> None:
        client.exchange.receive(body[:MIN_DIRECT_BYTES])
        client.exchange.body_buffer()[:] = body[MIN_DIRECT_BYTES:]
        client.exchange.complete()
        await until(lambda: client.responses)

    run(scenario)

    assert client.statuses == [200]


def test_a_body_for_whose_buffer_there_is_no_memory_is_refused(tiny: Path, serve: Serve):
    length = 4 * MIN_DIRECT_BYTES
    service = serve(tiny, max_received_bytes=length + 2 * MIN_DIRECT_BYTES)
    first, second = Client(service, length), Client(service, length)
    for client in (first, second):
        client.exchange.receive(b" " * MIN_DIRECT_BYTES)

    assert len(first.exchange.body_buffer()) == 3 * MIN_DIRECT_BYTES
    assert len(second.exchange.body_buffer()) == 0

    assert (first.statuses, second.statuses) == ([], [503])
    assert second.responses[0].reason == "memory"


def test_a_body_that_is_announced_and_will_not_fit_is_refused_from_its_head(tiny: Path, serve: Serve):
    service = serve(tiny, max_received_bytes=100_000)

    assert Client(service, 100_000).statuses == []
    assert Client(service, 100_001).statuses == [503]


def test_a_refusal_names_the_request(tiny: Path, serve: Serve):
    client = Client(serve(tiny), 1, x_request_id="of-the-client")

    client.send(b"?")

    assert client.statuses == [400]
    assert b"of-the-client" in client.responses[0].body


class BlockedPool:
    """The thread that decodes bodies, blocked until `release`. It expects 0.1 seconds for a body."""

    def __init__(self, service: Service) -> None:
        self._gate = threading.Event()
        self._pool = service.decode_pool
        self._model = service.default_model

    async def block(self) -> None:
        self._submit(lambda: time.sleep(0.1))
        await until(lambda: not self._pool.busy)
        self._submit(lambda: self._gate.wait(60))

    def _submit(self, decode: Callable[[], object]) -> None:
        job = DecodeJob(time.monotonic() + 60, decode, lambda _: None, lambda: None)
        self._pool.submit(self._model, job)

    async def release(self) -> None:
        self._gate.set()
        await until(lambda: not self._pool.busy)


def test_only_a_body_that_is_decoded_on_a_thread_waits_for_those_before_it(tiny: Path, serve: Serve):
    service = serve(tiny, threads=1)
    blocked = BlockedPool(service)
    short_time = {"x_envoy_expected_rq_timeout_ms": "50"}

    async def scenario() -> None:
        await blocked.block()
        quick, long = Client(service, len(SAMPLE), **short_time), Client(service, 100_000, **short_time)
        assert (quick.statuses, long.statuses) == ([], [503])
        quick.exchange.cancel()
        await blocked.release()

    run(scenario)


def test_a_request_that_is_cancelled_before_it_is_decoded_is_not_computed(tiny: Path, serve: Serve):
    service = serve(tiny, threads=1)
    blocked = BlockedPool(service)
    client = Client(service, 100_000)

    async def scenario() -> None:
        await blocked.block()
        client.send(padded(100_000))
        client.exchange.cancel()
        await blocked.release()
        await asyncio.sleep(0)

    run(scenario)

    assert client.responses == []
    assert service.default_model.batcher.finished_batches == 0
    assert service.received_bytes.held == 0


def test_long_responses_are_compressed_on_a_thread_and_their_memory_is_released(ragged: Path, serve: Serve):
    service = serve(ragged)
    samples = [np.full((1, 10_000), value) for value in (1, 2)]
    bodies = [json.dumps(sample.tolist()).encode() for sample in samples]
    clients = [Client(service, len(body), accept_encoding="gzip") for body in bodies]

    async def scenario() -> None:
        for client, body in zip(clients, bodies, strict=True):
            client.send(body)
        await until(lambda: all(client.responses for client in clients))

    run(scenario)

    assert [client.statuses for client in clients] == [[200], [200]]
    answers = [json.loads(gzip.decompress(client.responses[0].body)) for client in clients]
    assert [answer["predictions"][0][0][0] for answer in answers] == [2, 4]
    assert service.computed_budget.reserved == service.received_bytes.held == 0


def test_a_request_that_expires_before_it_is_decoded_gets_504(tiny: Path, serve: Serve):
    service = serve(tiny, threads=1)
    blocked = BlockedPool(service)

    async def scenario() -> None:
        await blocked.block()
        client = Client(service, 100_000, x_envoy_expected_rq_timeout_ms="1000")
        client.send(padded(100_000))
        await until(lambda: client.responses)
        assert client.statuses == [504]
        await blocked.release()

    run(scenario)


def test_the_outputs_of_a_long_response_count_as_memory_until_they_are_encoded(ragged: Path, serve: Serve):
    service = serve(ragged)
    gate = threading.Event()
    service.encode_pool.submit(gate.wait, 60)
    client = Client(service, None)

    async def scenario() -> None:
        client.send(json.dumps(np.ones((1, 10_000)).tolist()).encode())
        await until(lambda: service.computed_budget.reserved)
        gate.set()
        await until(lambda: client.responses)

    run(scenario)

    assert client.statuses == [200]
    assert service.computed_budget.reserved == 0


@pytest.mark.parametrize(("microseconds", "status"), [(1, 504), (60_000_000, 200)])
def test_a_timeout_in_the_body_is_a_deadline(client: HttpClient, microseconds: int, status: int):
    body = {"inputs": [TINY], "parameters": {"timeout": microseconds}}

    assert client.request("POST", "/v2/models/tiny/infer", json=body).status_code == status
