"""What Prometheus scrapes from :8001/metrics. Seconds and counts; only /predict is counted, never a probe.

`request_count` is the counter's name as OpenMetrics has it, and `request_count_total` its series: client
libraries append `_total`, so that is what queries, panels and rules say.
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md#counter
"""

from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from app.signature import Signature

REASONS = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.METHOD_NOT_ALLOWED: "method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "media_type",
    HTTPStatus.SERVICE_UNAVAILABLE: "not_ready",
}
"""Why a request never had an answer of the model, by the code that it got."""

CODES = (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR, *REASONS)
"""Answers of /predict. Their series exist from the start, for a rate misses the step in which one appears."""

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The metrics of one server."""

    def __init__(self, signature: Signature, ready: Callable[[], bool]) -> None:
        disable_created_metrics()
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        model = self._model = {"model": signature.name, "version": signature.version}
        self._count = Counter("request_count", "Requests answered.", [*model, "code"], registry=registry)
        self._latency = Histogram(
            "request_latency_seconds",
            "From a request's headers to the end of its answer.",
            [*model, "code"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._rejected = Counter(
            "request_rejected",
            "Requests refused without an answer of the model.",
            [*model, "reason"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "request_in_flight", "Requests being answered.", list(model), registry=registry
        ).labels(**model)
        self.batch_size = Histogram(
            "request_batch_size",
            "Samples that the model was given at once.",
            list(model),
            buckets=BATCH_BUCKETS,
            registry=registry,
        ).labels(**model)
        self.load_seconds = Gauge(
            "model_load_seconds", "What loading and warming the model took.", list(model), registry=registry
        ).labels(**model)
        # Asked for at each scrape: readiness is lost in a signal handler, where no lock may be taken.
        Gauge(
            "model_ready",
            "1 when the model is loaded, warm and not draining.",
            list(model),
            registry=registry,
        ).labels(**model).set_function(lambda: float(ready()))
        Info("model", "The model that is served.", registry=registry).info(model)
        for code in CODES:
            self._count.labels(**model, code=code.value)
            self._latency.labels(**model, code=code.value)
        for reason in REASONS.values():
            self._rejected.labels(**model, reason=reason)

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer of /predict, and how long it took."""
        self._count.labels(**self._model, code=code).inc()
        self._latency.labels(**self._model, code=code).observe(seconds)
        if reason := REASONS.get(HTTPStatus(code)):
            self._rejected.labels(**self._model, reason=reason).inc()
