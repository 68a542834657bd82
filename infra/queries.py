"""What is asked of Prometheus about one model's pods: panels, rules and scalers take their PromQL from here.

The names are those of the server's metrics (`app/metrics.py`); a test holds them against the live server.
"""

from dataclasses import dataclass

METRICS_SERVICE = "model-metrics"
"""The headless Service whose pods are scraped. Its name is the `service` label of every series."""

FAULTS = "5.."
"""Codes of answers that are the service's own fault, a refusal for overload (503) among them."""

CLIENTS_OWN = "4.."
"""Codes of what says nothing about the service: requests that are wrong, or whose clients left (499)."""

WAITED = "2..|499"
"""Codes of what shows how long clients wait: answers, and clients that waited for one until they left."""

TOO_LATE = "504"
"""Code of a request that was given up, for its answer would have come too late."""


@dataclass(frozen=True, kw_only=True)
class Queries:
    """The PromQL of one model service.

    `window` is how far back a rate looks: a duration such as `5m`, or Grafana's `$__rate_interval`.

    """

    namespace: str
    service: str = METRICS_SERVICE

    def _series(self, metric: str, *matchers: str) -> str:
        labels = (f'namespace="{self.namespace}"', f'service="{self.service}"', *matchers)
        return f"{metric}{{{','.join(labels)}}}"

    def _rate(self, metric: str, window: str, *matchers: str) -> str:
        return f"rate({self._series(metric, *matchers)}[{window}])"

    def request_rate(self, window: str) -> str:
        """Answers a second."""
        return f"sum({self._rate('request_count_total', window)})"

    def request_rate_by_code(self, window: str) -> str:
        """Answers a second, by HTTP status code."""
        return f"sum by (code) ({self._rate('request_count_total', window)})"

    def fault_rate(self, window: str) -> str:
        """Answers a second that were the service's fault."""
        matcher = f'code=~"{FAULTS}"'
        return f"sum({self._rate('request_count_total', window, matcher)})"

    def valid_rate(self, window: str) -> str:
        """Answers a second of which a share may be faults: all but the client's own."""
        matcher = f'code!~"{CLIENTS_OWN}"'
        return f"sum({self._rate('request_count_total', window, matcher)})"

    def error_ratio(self, window: str) -> str:
        """Share of the answers to valid requests that were the service's fault, 0 to 1."""
        return f"{self.fault_rate(window)} / {self.valid_rate(window)}"

    def rejected_rate_by_reason(self, window: str) -> str:
        """Refusals a second, without an answer of the model, by reason."""
        return f"sum by (reason) ({self._rate('request_rejected_total', window)})"

    def latency_buckets(self, window: str) -> str:
        """Answers a second in each bucket of latency, by its upper bound in seconds (`le`)."""
        return f"sum by (le) ({self._rate('request_latency_seconds_bucket', window)})"

    def waited_rate(self, window: str) -> str:
        """Return the requests a second that show how long clients wait."""
        matcher = f'code=~"{WAITED}"'
        return f"sum({self._rate('request_latency_seconds_count', window, matcher)})"

    def slow_rate(self, seconds: float, window: str) -> str:
        """Return those among them that took longer. `seconds` must be a bound of the histogram."""
        matchers = (f'le="{float(seconds)}"', f'code=~"{WAITED}"')
        within = f"sum({self._rate('request_latency_seconds_bucket', window, *matchers)})"
        return f"{self.waited_rate(window)} - {within}"

    def waited_quantile(self, quantile: float, window: str) -> str:
        """Seconds within which that share of the clients waited no more; 0 where none waited.

        Those that were given up are among them, those that were refused are not: refusals are quick, and a
        service that refuses half of its clients would look fast. As long as pods are scraped it is a number,
        and otherwise nothing: an autoscaler must tell these apart, and cannot read NaN, the quantile of none.

        """
        matcher = f'code=~"{WAITED}|{TOO_LATE}"'
        buckets = self._rate("request_latency_seconds_bucket", window, matcher)
        rate = self._rate("request_latency_seconds_count", window, matcher)
        return f"histogram_quantile({quantile}, sum by (le) ({buckets})) >= 0 or sum({rate}) == 0"

    def queue_depth(self) -> str:
        """How many samples wait, over all pods."""
        return f"sum({self._series('request_queue_depth')})"

    def queue_wait_quantile(self, quantile: float, window: str) -> str:
        """Seconds that that share of the requests waited for the model at most."""
        rate = self._rate("request_queue_wait_seconds_bucket", window)
        return f"histogram_quantile({quantile}, sum by (le) ({rate}))"

    def in_flight(self) -> str:
        """How many requests are being answered, over all pods."""
        return f"sum({self._series('request_in_flight')})"

    def batch_size(self, window: str) -> str:
        """Mean number of samples that the model was given at once."""
        samples = self._rate("request_batch_size_sum", window)
        batches = self._rate("request_batch_size_count", window)
        return f"sum({samples}) / sum({batches})"

    def scraped(self) -> str:
        """Series that are there as long as any pod is scraped."""
        return self._series("model_info")

    def ready(self) -> str:
        """Pods whose model is loaded, warm and not draining, by version."""
        return f"sum by (version) ({self._series('model_ready')})"

    def versions(self) -> str:
        """Pods by the model and version that they serve."""
        return f"count by (model, version) ({self._series('model_info')})"
