"""The server under load and with a runtime that fails: what is answered, what is told, what ends."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.app.load import Report, closed_loop, open_loop
from tests.app.process import SAMPLE, Process
from tests.app.wrapped import held_until, wrapped

RUNS = int(os.environ.get("SLIPWAY_DRAIN_RUNS", "3"))
"""How often a server is ended under load."""

ATTEMPTS = 4
"""How often the server is compared with the machine's own speed: other programs disturb some comparisons."""


def predict(server: Process, body: bytes = SAMPLE, **options: object) -> httpx.Response:
    return httpx.post(f"{server.url}/predict", content=body, timeout=20, **options)  # type: ignore[arg-type]


def of(value: int) -> bytes:
    return SAMPLE.replace(b"[0", b"[%d" % value)


def test_a_request_that_the_model_fails_on_does_not_fail_its_batch(start: Callable[..., Process]):
    server = start(
        before=wrapped("time.sleep(0.05)", "if value == 666: raise ValueError('poison')"), threads=1
    )
    server.wait_for("/health/ready")

    async def together() -> list[int]:
        async with httpx.AsyncClient(timeout=20) as client:
            bodies = [of(value) for value in (1, 2, 666, 3, 4, 5)]
            sent = (client.post(f"{server.url}/predict", content=body) for body in bodies)
            return [answer.status_code for answer in await asyncio.gather(*sent)]

    assert asyncio.run(together()) == [200, 200, 500, 200, 200, 200]
    # The runtime still answers its own sample, so only the request was at fault.
    assert httpx.get(f"{server.url}/health/ready").status_code == 200
    sizes = metric_lines(server, "request_batch_size_bucket")
    assert sizes[-1] > 1


def metric_lines(server: Process, name: str) -> list[float]:
    lines = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text.splitlines()
    return [float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)]


NO_MEMORY = "__import__('onnxruntime').capi.onnxruntime_pybind11_state.RuntimeException('CUDA out of memory')"
"""The error of a GPU whose memory is full."""


@pytest.mark.parametrize("fault", ["ValueError('broken')", "MemoryError('no memory')", NO_MEMORY])
def test_a_broken_runtime_ends_the_process(start: Callable[..., Process], fault: str):
    server = start(before=wrapped("if value == 666: calls = 10**6", f"if calls >= 10**6: raise {fault}"))
    server.wait_for("/health/ready")

    assert predict(server, of(666)).status_code == 500

    assert server.exit_code() == 1
    (failed,) = [line for line in server.logged() if line["level"] == "CRITICAL"]
    assert "does not answer its own sample any more" in failed["message"]


@pytest.mark.parametrize("threads", [True, False], ids=["on a thread", "on the event loop"])
def test_a_stuck_model_ends_the_process(start: Callable[..., Process], threads: bool):
    server = start(
        before=wrapped("if value == 666: time.sleep(600)", threads=threads),
        threads=2,
        model_timeout_seconds=0.5,
        request_timeout_seconds=2,
        drain_timeout_seconds=1,
    )
    server.wait_for("/health/ready")
    try:
        predict(server, of(666))
    except httpx.TransportError:
        # The event loop was blocked, so the connection ends with the process.
        assert not threads

    assert server.exit_code() in {1, 70}
    assert any("a run took longer than 0.5 s" in line["message"] for line in server.logged()) or not threads


ENDS_LATE = """
from app.http import server
from app.serving import watchdog
server.FAILURE_NOTICE_SECONDS = watchdog.GRACE_SECONDS = 600
"""
"""Makes a server that has failed continue to answer probes."""


def test_a_stuck_model_turns_liveness_and_readiness_off(start: Callable[..., Process]):
    server = start(
        before=wrapped("if value == 666: time.sleep(600)") + ENDS_LATE,
        threads=2,
        model_timeout_seconds=0.5,
        request_timeout_seconds=0.1,
    )
    server.wait_for("/health/ready")
    server.wait_for("/health/live")

    assert predict(server, of(666)).status_code == 504

    server.wait_for("/health/live", 503)
    server.wait_for("/health/ready", 503)


def test_a_request_is_given_up_at_its_deadline(start: Callable[..., Process], tmp_path: Path):
    # The model does not answer: the file that it waits for never appears.
    server = start(before=held_until(tmp_path / "never"), threads=1, request_timeout_seconds=0.2)
    server.wait_for("/health/ready")

    began = time.monotonic()
    assert predict(server, of(666)).status_code == 504
    assert time.monotonic() - began >= 0.2


def test_a_client_cannot_extend_the_deadline_of_the_server(start: Callable[..., Process]):
    server = start(before=wrapped("if value == 666: time.sleep(1)"), threads=1, request_timeout_seconds=0.2)
    server.wait_for("/health/ready")
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 2, 3], "data": [666] * 6}
    body = {"inputs": [tensor], "parameters": {"timeout": 60_000_000}}

    by_header = predict(server, of(666), headers={"x-envoy-expected-rq-timeout-ms": "60000"})
    by_parameter = httpx.post(f"{server.url}/v2/models/tiny/infer", json=body, timeout=20)

    assert (by_header.status_code, by_parameter.status_code) == (504, 504)


def test_a_request_may_set_a_shorter_deadline(start: Callable[..., Process], tmp_path: Path):
    server = start(before=held_until(tmp_path / "never"), threads=1, request_timeout_seconds=600)
    server.wait_for("/health/ready")

    began = time.monotonic()
    headers = {"x-envoy-expected-rq-timeout-ms": "100"}
    assert predict(server, of(666), headers=headers).status_code == 504
    assert time.monotonic() - began >= 0.1
    assert predict(server, headers={"x-envoy-expected-rq-timeout-ms": "soon"}).status_code == 400


@pytest.mark.serial
def test_at_four_times_its_capacity_the_server_keeps_its_throughput_and_refuses_the_rest(
    start: Callable[..., Process],
):
    budget = 0.5
    server = start(
        before=wrapped("time.sleep(0.01 * len(inputs['x']))"), threads=1, request_timeout_seconds=budget
    )
    server.wait_for("/health/ready")

    async def both() -> tuple[Report, Report]:
        peak = await closed_loop(server.port, SAMPLE, connections=8, seconds=2)
        return peak, await open_loop(server.port, SAMPLE, rate=4 * peak.goodput, seconds=4)

    seen: list[tuple[float, float]] = []
    for _ in range(ATTEMPTS):
        peak, over = asyncio.run(both())
        assert set(over.codes) <= {200, 503, 504}
        assert over.codes[503] > over.codes[200]
        seen.append((over.goodput / peak.goodput, over.percentile(99) / budget))
        if seen[-1][0] > 0.9 and seen[-1][1] < 1.2:
            break
    else:
        pytest.fail(f"goodput of the peak's, and p99 of the budget: {seen}")


@pytest.mark.parametrize("run", range(RUNS))
def test_no_request_is_lost_when_a_server_under_load_ends(start: Callable[..., Process], run: int):
    server = start(before=wrapped("time.sleep(0.002)") if run % 2 else "", drain_delay_seconds=0.5)
    server.wait_for("/health/ready")

    async def load() -> Report:
        # As a load balancer: it stops to send some time after readiness is lost.
        stop, report = asyncio.Event(), Report()
        sending = asyncio.create_task(
            closed_loop(server.port, SAMPLE, connections=16, seconds=60, stop=stop, report=report)
        )
        while report.codes[200] < 100 and not sending.done():  # noqa: ASYNC110 - a count is no event
            await asyncio.sleep(0.01)
        server.terminate()
        await asyncio.sleep(0.3)
        stop.set()
        return await sending

    report = asyncio.run(load())

    assert set(report.codes) == {200}, report.codes
    assert server.exit_code() == 0


@pytest.mark.serial
def test_an_idle_server_is_small_and_starts_quickly(start: Callable[..., Process], tiny: Path):
    ratios: list[float] = []
    while min(ratios, default=3) >= 3 and len(ratios) < ATTEMPTS:
        began = time.monotonic()
        # The largest libraries that it imports: how long they take tells how busy the machine is.
        subprocess.run([sys.executable, "-c", "import fastapi, onnxruntime, uvicorn"], check=True)
        imported = time.monotonic()
        server = start(tiny)
        server.wait_for("/health/ready")
        ratios.append((time.monotonic() - imported) / (imported - began))

        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert int(status.partition("VmRSS:")[2].split()[0]) < 120 * 1024

    assert min(ratios) < 3, ratios
