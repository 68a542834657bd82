"""The metrics that Prometheus scrapes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.http.api import create_app
from app.serving.service import Service

MODEL = {"model": "tiny", "version": "0123456789ab"}
SAMPLE = b"[0,0,0,0,0,0]"


@pytest.fixture
def service(tiny: Path, serve: Callable[..., Service]) -> Service:
    return serve(tiny)


@pytest.fixture
def client(tiny: Path, client_of: Callable, service: Service):
    client = client_of(tiny)
    client.app = create_app(service)
    return client


def value(service: Service, name: str, **labels: str) -> float | None:
    return service.metrics.registry.get_sample_value(name, {**MODEL, **labels})


def test_requests_are_counted_by_model_version_and_code(service: Service, client):
    client.predict(SAMPLE)
    client.predict(SAMPLE)
    client.predict(b"?")

    assert value(service, "request_count_total", code="200") == 2
    assert value(service, "request_count_total", code="400") == 1
    assert value(service, "request_latency_seconds_count", code="200") == 2
    assert 0 < (value(service, "request_latency_seconds_sum", code="200") or 0) < 5


@pytest.mark.parametrize(
    "code", ["200", "400", "404", "405", "408", "413", "415", "499", "500", "503", "504"]
)
def test_series_exist_before_the_first_request(service: Service, code: str):
    assert value(service, "request_count_total", code=code) == 0
    assert value(service, "request_latency_seconds_bucket", code=code, le="+Inf") == 0


def test_probes_and_documentation_are_not_counted(service: Service, client):
    for path in ("/health", "/health/ready", "/health/live", "/docs", "/openapi.json", "/nowhere"):
        client.get(path)

    assert value(service, "request_count_total", code="200") == 0
    assert value(service, "request_count_total", code="404") == 0


def test_refused_requests_are_counted_by_reason(service: Service, client):
    client.predict(b"?")
    client.predict(SAMPLE, "text/plain")

    assert value(service, "request_rejected_total", reason="invalid") == 1
    assert value(service, "request_rejected_total", reason="media_type") == 1
    assert value(service, "request_rejected_total", reason="too_large") == 0


def test_the_size_of_each_batch_is_observed(service: Service, client):
    client.predict(b"[[0,0,0,0,0,0],[0,0,0,0,0,0],[0,0,0,0,0,0]]")

    assert value(service, "request_batch_size_sum") == 3
    assert value(service, "request_batch_size_bucket", le="2.0") == 0
    assert value(service, "request_batch_size_bucket", le="4.0") == 1


def test_requests_in_flight_are_counted(service: Service, client, monkeypatch: pytest.MonkeyPatch):
    seen: list[float | None] = []
    batcher = service.default_model.batcher
    run = batcher._run

    def watched(inputs: object):
        seen.append(value(service, "request_in_flight"))
        return run(inputs)  # type: ignore[arg-type]

    monkeypatch.setattr(batcher, "_run", watched)
    client.predict(SAMPLE)

    assert seen == [1]
    assert value(service, "request_in_flight") == 0


def test_the_wait_for_the_model_is_observed(service: Service, client):
    client.predict(SAMPLE)

    assert value(service, "request_queue_wait_seconds_count") == 1
    assert 0 < (value(service, "request_queue_wait_seconds_sum") or 0) < 5
    assert value(service, "request_queue_depth") == 0


def test_the_model_and_its_readiness_have_series(service: Service):
    assert value(service, "model_info") == 1
    assert value(service, "model_device_info", device="cpu") == 1
    assert value(service, "model_ready") == 1
    assert (value(service, "model_load_seconds") or 0) > 0

    service.drain()

    assert value(service, "model_ready") == 0


def test_the_gauges_of_a_removed_model_are_removed(service: Service, client):
    client.predict(SAMPLE)
    service.default_model.metrics.remove_series()

    left = {
        family.name
        for family in service.metrics.registry.collect()
        if family.type in ("gauge", "info") and any("model" in sample.labels for sample in family.samples)
    }
    assert left == set()
    assert value(service, "request_count_total", code="200") == 1
