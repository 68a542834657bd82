import asyncio
import time

import pytest

from ops.errors import OperationError
from ops.load import Report, load
from tests.ops.conftest import Artifact, Service

pytestmark = pytest.mark.serial


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:80", "https://127.0.0.1.example.com"])
def test_load_on_another_machine_is_refused(artifact: Artifact, url: str):
    with pytest.raises(OperationError, match=r"load is sent to 127.0.0.1 only"):
        asyncio.run(load(url, artifact(), connections=1, seconds=0.1))


def test_the_load_ends_in_time_and_counts_every_answer(service: Service, artifact: Artifact):
    began = time.monotonic()

    report = asyncio.run(load(service.url, artifact(), connections=3, seconds=0.5))

    assert time.monotonic() - began >= 0.5
    # The load began before its first request was received. A connection may wait for one answer when it ends.
    assert len([seconds for seconds in service.times if seconds - service.times[0] > 0.5]) <= 3
    assert report.answers["200"] == len(service.requests) == len(report.latencies) > 3


def test_the_load_has_the_key(service: Service, artifact: Artifact):
    service.key = "the-key-01234567"

    report = asyncio.run(load(service.url, artifact(), connections=1, seconds=0.2, key=service.key))

    assert set(report.answers) == {"200"}


def test_errors_are_counted_by_their_code_and_have_no_latency(service: Service, artifact: Artifact):
    service.status = 503

    report = asyncio.run(load(service.url, artifact(), connections=1, seconds=0.2))

    assert set(report.answers) == {"503"}
    assert report.latencies == []


def test_a_broken_connection_is_counted_as_no_answer(artifact: Artifact):
    report = asyncio.run(load("http://127.0.0.1:9", artifact(), connections=1, seconds=0.2))

    assert set(report.answers) == {"no answer"}


def test_the_report_has_the_rate_and_the_percentiles():
    report = Report(seconds=2.0, latencies=[0.010] * 99 + [0.100])
    report.answers.update({"200": 100, "503": 2})

    assert str(report) == (
        "102 requests in 2.0 s (200: 100, 503: 2), 50.0/s, p50 10 ms, p95 10 ms, p99 11 ms"
    )


def test_the_report_without_a_success_has_no_percentiles():
    report = Report(seconds=1.0)
    report.answers["no answer"] = 3

    assert str(report) == "3 requests in 1.0 s (no answer: 3), 0.0/s"
