"""The metrics that Prometheus scrapes from :8001/metrics. Only inference is counted, no health probes.

Times are in seconds. OpenMetrics calls a counter `request_count` and its series `request_count_total`: client
libraries append `_total`. So queries, panels and rules use the name with `_total`.
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

CLIENT_CLOSED_REQUEST = 499
"""The status code that nginx uses for a request whose client disconnected before the answer."""

KEY_MISSING = "key_missing"
KEY_WRONG = "key_wrong"
"""Another reason for 401: the request has an API key that is not accepted."""

REASONS = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: KEY_MISSING,
    HTTPStatus.NOT_FOUND: "unknown_model",
    HTTPStatus.METHOD_NOT_ALLOWED: "method",
    HTTPStatus.REQUEST_TIMEOUT: "slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "media_type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "refused_by_hook",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head_too_large",
    HTTPStatus.NOT_IMPLEMENTED: "not_implemented",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "not_implemented",
    HTTPStatus.SERVICE_UNAVAILABLE: "not_ready",
    HTTPStatus.GATEWAY_TIMEOUT: "expired",
}
"""The label `reason` of a request that got no answer from the model, by its status code."""

OVERLOADED = "overloaded"
"""Another reason for 503: too many requests wait for the model."""

CONNECTIONS = "connections"
"""Another reason for 503: too many connections are open."""

MEMORY = "memory"
"""Another reason for 503: the requests that are being received fill the memory for request bodies."""

ALL_REASONS = frozenset({*REASONS.values(), KEY_WRONG, OVERLOADED, CONNECTIONS, MEMORY})

CODES = (
    HTTPStatus.OK.value,
    HTTPStatus.INTERNAL_SERVER_ERROR.value,
    CLIENT_CLOSED_REQUEST,
    *map(int, REASONS),
)
"""Status codes of inference. Their series exist from the start: rate() ignores a new series' first sample."""

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)
LABELS = ("model", "version")


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        disable_created_metrics()
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.count = Counter("request_count", "Requests answered.", [*LABELS, "code"], registry=registry)
        self.latency = Histogram(
            "request_latency_seconds",
            "Seconds from the headers of a request to its answer.",
            [*LABELS, "code"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.rejected = Counter(
            "request_rejected",
            "Requests that got no answer from the model.",
            [*LABELS, "reason"],
            registry=registry,
        )
        self.in_flight = Gauge("request_in_flight", "Requests being answered.", LABELS, registry=registry)
        self.queue_depth = Gauge(
            "request_queue_depth", "Samples that wait for the model.", LABELS, registry=registry
        )
        self.queue_wait = Histogram(
            "request_queue_wait_seconds",
            "Seconds that requests waited for the model.",
            LABELS,
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "request_batch_size",
            "Samples in a batch that the model computed.",
            LABELS,
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.load_seconds = Gauge(
            "model_load_seconds",
            "Seconds that loading and warming up the model took.",
            LABELS,
            registry=registry,
        )
        self.ready = Gauge(
            "model_ready",
            "1 when the model is loaded, warm and not draining, otherwise 0.",
            LABELS,
            registry=registry,
        )
        self.info = Info("model", "A model that is served.", LABELS, registry=registry)
        self.device_info = Info(
            "model_device", "The device that computes a model, cpu or gpu.", LABELS, registry=registry
        )


class ModelMetrics:
    """The metrics of one model: all series with its name and version. They exist from the start."""

    def __init__(self, metrics: Metrics, signature: Signature, ready: Callable[[], bool]) -> None:
        """Create the series of a model.

        Args:
            metrics: the metrics of the server.
            signature: the signature of the model.
            ready: tells whether the model can answer. It is called at each scrape.

        """
        self._metrics = metrics
        model = self._model = {"model": signature.name, "version": signature.version}
        self._by_code = {code: self._series_of_code(code) for code in CODES}
        self._rejected = {reason: metrics.rejected.labels(**model, reason=reason) for reason in ALL_REASONS}
        self.in_flight = metrics.in_flight.labels(**model)
        self.set_queue_depth = metrics.queue_depth.labels(**model).set
        self.observe_wait = metrics.queue_wait.labels(**model).observe
        self.observe_batch_size = metrics.batch_size.labels(**model).observe
        self.load_seconds = metrics.load_seconds.labels(**model)
        # A function, because a signal handler turns readiness off, and it must not take the lock of a gauge.
        self._ready = metrics.ready.labels(**model)
        self._ready.set_function(lambda: float(ready()))
        metrics.info.labels(**model).info({})

    def _series_of_code(self, code: int) -> tuple[Counter, Histogram]:
        return (
            self._metrics.count.labels(**self._model, code=code),
            self._metrics.latency.labels(**self._model, code=code),
        )

    def set_device(self, name: str) -> None:
        """Set the device that computes the model: `cpu` or `gpu`."""
        self._metrics.device_info.labels(**self._model).info({"device": name})

    def count_response(self, code: int, seconds: float, reason: str | None = None) -> None:
        """Count a response.

        Args:
            code: its status code.
            seconds: the time from the headers of the request to the response.
            reason: one of `ALL_REASONS`, when the response is not an answer from the model.

        """
        count, latency = self._by_code.get(code) or self._series_of_code(code)
        count.inc()
        latency.observe(seconds)
        if reason is not None:
            self._rejected[reason].inc()

    def remove_series(self) -> None:
        """Remove this model's gauges. Its counters and histograms stay."""
        metrics, values = self._metrics, tuple(self._model.values())
        # A gauge with a function is part of a reference cycle. The function would keep the model in memory.
        self._ready.set_function(float)
        for gauge in (
            metrics.in_flight,
            metrics.queue_depth,
            metrics.load_seconds,
            metrics.ready,
            metrics.info,
            metrics.device_info,
        ):
            gauge.remove(*values)
