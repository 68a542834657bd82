"""The metric that the number of pods follows in addition to CPU, and its target."""

from dataclasses import dataclass
from typing import Literal

from infra.queries import Queries, metrics_service
from infra.settings import ONLY_MODEL, Settings
from infra.settings.scaling import Signal

QUANTILE = 0.95
WINDOW = "1m"
"""The time of four scrapes: the rate is still known when one of them fails."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric in Prometheus, and the value at which the autoscaler holds it.

    With `AverageValue` the metric is a total over all pods, and `ceil(value / target)` pods are wanted. With
    `Value` it is the same for each pod, and `ceil(ready pods * value / target)` pods are wanted. A difference
    of less than a tenth of the target changes nothing.
    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details

    """

    name: str
    """Name of the metric in the cluster, where it must be unique."""

    query: str
    """PromQL that gives one number, and nothing while no pod is scraped."""

    target: float
    """In samples or requests per pod, or in seconds. Kubernetes counts in thousandths."""

    target_type: Literal["AverageValue", "Value"]

    @classmethod
    def of(cls, settings: Settings) -> "Metric | None":
        """Return the metric that the settings name. None means CPU alone."""
        signal, target = settings.autoscaling_signal, settings.autoscaling_target
        if signal == "cpu" or target is None:
            return None
        return cls.of_signal(signal, target, settings.namespace, settings.service)

    @classmethod
    def of_signal(cls, signal: Signal, target: float, namespace: str, service: str) -> "Metric":
        """Return the metric of a model service.

        Args:
            signal: `queue-depth`, `in-flight` or `latency`.
            target: Waiting samples or requests per pod, or seconds of the 95th percentile.
            namespace: Namespace of the service.
            service: Name of the model's Service.

        """
        queries = Queries(namespace=namespace, service=metrics_service(service))
        where = namespace if service == ONLY_MODEL else f"{namespace}.{service}"
        query = {
            "queue-depth": queries.queue_depth(),
            "in-flight": queries.in_flight(),
            "latency": queries.waited_quantile(QUANTILE, WINDOW),
        }[signal]
        return cls(
            # Neither name contains an underscore or a dot, so no two services have the same metric.
            name=f"slipway_{where}_{signal}".replace("-", "_"),
            query=query,
            target=round(target, 3),
            target_type="Value" if signal == "latency" else "AverageValue",
        )

    @property
    def quantity(self) -> str:
        """The target as a Kubernetes quantity: `4`, `2500m`."""
        thousandths = round(self.target * 1000)
        return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)
