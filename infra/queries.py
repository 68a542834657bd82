"""PromQL about the pods of one model, for the panels, the rules and the autoscaler.

The names are those of the server's metrics, in `app/serving/metrics.py`. A test compares them with a
running server.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FAULTS = "500|503|504"
"""Status codes of the service's own faults, including refusals for overload (503)."""

CLIENTS_OWN = "4..|501|505"
"""Status codes that say nothing about the service: wrong requests, and clients that left (499).

So do methods (501) and versions of HTTP (505) that no server of models has to know.
"""

WAITED = "2..|499"
"""Status codes that show how long clients wait: answers, and clients that left while they waited."""

TOO_LATE = "504"
"""Status code of a request that was given up at its deadline."""


def metrics_service(service: str) -> str:
    """Return the name of the headless Service whose pods are scraped: the label `service` of every series.

    Args:
        service: Name of the model's own Service. No two models of a namespace share it.

    """
    return f"{service}-metrics"


def exactly(labels: Mapping[str, str]) -> str:
    """Return the matchers of series with these labels, as they stand between the braces of a selector."""
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


@dataclass(frozen=True, kw_only=True)
class Queries:
    """PromQL about one model service: no series of another model in the same namespace is part of it.

    `window` is the range of a rate: a duration such as `5m`, or Grafana's `$__rate_interval`.

    """

    namespace: str
    service: str
    """Name of the Service whose pods are scraped, by `metrics_service`."""

    @property
    def labels(self) -> dict[str, str]:
        """The labels that only the series of this model have."""
        return {"namespace": self.namespace, "service": self.service}

    def _series(self, metric: str, *matchers: str) -> str:
        return f"{metric}{{{','.join([exactly(self.labels), *matchers])}}}"

    def _rate(self, metric: str, window: str, *matchers: str) -> str:
        return f"rate({self._series(metric, *matchers)}[{window}])"

    def request_rate(self, window: str) -> str:
        """Return the answers per second."""
        return f"sum({self._rate('request_count_total', window)})"

    def request_rate_by_code(self, window: str) -> str:
        """Return the answers per second, by HTTP status code."""
        return f"sum by (code) ({self._rate('request_count_total', window)})"

    def fault_rate(self, window: str) -> str:
        """Return the answers per second that are the service's own faults."""
        matcher = f'code=~"{FAULTS}"'
        return f"sum({self._rate('request_count_total', window, matcher)})"

    def valid_rate(self, window: str) -> str:
        """Return the valid requests per second: all but those that are the client's own fault."""
        matcher = f'code!~"{CLIENTS_OWN}"'
        return f"sum({self._rate('request_count_total', window, matcher)})"

    def error_ratio(self, window: str) -> str:
        """Return the share of valid requests that ended in a fault of the service, 0 to 1."""
        return f"{self.fault_rate(window)} / {self.valid_rate(window)}"

    def rejected_rate_by_reason(self, window: str) -> str:
        """Return the refused requests per second, by reason. The model has answered none of them."""
        return f"sum by (reason) ({self._rate('request_rejected_total', window)})"

    def latency_buckets(self, window: str) -> str:
        """Return the answers per second in each latency bucket, by its upper bound in seconds (`le`)."""
        return f"sum by (le) ({self._rate('request_latency_seconds_bucket', window)})"

    def waited_rate(self, window: str) -> str:
        """Return the requests per second that show how long clients wait."""
        matcher = f'code=~"{WAITED}"'
        return f"sum({self._rate('request_latency_seconds_count', window, matcher)})"

    def slow_rate(self, seconds: float, window: str) -> str:
        """Return those of `waited_rate` that took longer. `seconds` must be a bound of the histogram."""
        matchers = (f'le="{float(seconds)}"', f'code=~"{WAITED}"')
        within = f"sum({self._rate('request_latency_seconds_bucket', window, *matchers)})"
        return f"{self.waited_rate(window)} - {within}"

    def waited_quantile(self, quantile: float, window: str) -> str:
        """Return a quantile of the time that clients wait, in seconds; 0 when no client waits.

        Requests that were given up count; refused ones do not: refusals are fast, and a service that refuses
        half of its clients would look fast. The result is a number while pods are scraped, and empty
        otherwise. An autoscaler must tell the two apart, and it cannot read NaN, which is the quantile of no
        requests.

        """
        matcher = f'code=~"{WAITED}|{TOO_LATE}"'
        buckets = self._rate("request_latency_seconds_bucket", window, matcher)
        rate = self._rate("request_latency_seconds_count", window, matcher)
        return f"histogram_quantile({quantile}, sum by (le) ({buckets})) >= 0 or sum({rate}) == 0"

    def queue_depth(self) -> str:
        """Return the number of waiting samples, over all pods."""
        return f"sum({self._series('request_queue_depth')})"

    def queue_wait_quantile(self, quantile: float, window: str) -> str:
        """Return a quantile of the time that requests wait for the model, in seconds."""
        rate = self._rate("request_queue_wait_seconds_bucket", window)
        return f"histogram_quantile({quantile}, sum by (le) ({rate}))"

    def in_flight(self) -> str:
        """Return the number of requests being answered, over all pods."""
        return f"sum({self._series('request_in_flight')})"

    def batch_size(self, window: str) -> str:
        """Return the mean number of samples in a batch."""
        samples = self._rate("request_batch_size_sum", window)
        batches = self._rate("request_batch_size_count", window)
        return f"sum({samples}) / sum({batches})"

    def up(self) -> str:
        """Return whether each pod that Prometheus knows could be scraped, 1 or 0."""
        return self._series("up")

    def scraped(self) -> str:
        """Return a series that exists while any pod is scraped."""
        return self._series("model_info")

    def ready(self) -> str:
        """Return the ready pods, by version: their model is loaded and warm, and they do not drain."""
        return f"sum by (version) ({self._series('model_ready')})"

    def versions(self) -> str:
        """Return the number of pods, by the model and version that they serve."""
        return f"count by (model, version) ({self._series('model_info')})"
