"""What the number of pods follows beside CPU: one number that Prometheus knows, and what it is held at."""

from dataclasses import dataclass
from typing import Literal

from infra.queries import Queries
from infra.settings import Settings

QUANTILE = 0.95
WINDOW = "1m"
"""Four scrapes: one may fail, and the rate is there still."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A measure, and what it is held at by as many pods as that takes.

    `AverageValue` is of a total that pods share: `ceil(value / target)` of them are wanted. `Value` is of a
    measure of each: `ceil(ready pods * value / target)`. Within a tenth of the target nothing changes.
    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details

    """

    name: str
    """What the metric is called in the cluster, where no other service has one of that name."""
    query: str
    target: float
    target_type: Literal["AverageValue", "Value"]

    @classmethod
    def of(cls, settings: Settings) -> "Metric | None":
        """Return what the settings name, or None where it is CPU alone."""
        signal, target = settings.autoscaling_signal, settings.autoscaling_target
        if signal == "cpu" or target is None:
            return None
        queries = Queries(namespace=settings.namespace)
        query = {
            "queue-depth": queries.queue_depth(),
            "in-flight": queries.in_flight(),
            "latency": queries.waited_quantile(QUANTILE, WINDOW),
        }[signal]
        return cls(
            # A namespace has no underscores: no two give the same name.
            name=f"slipway_{settings.namespace}_{signal}".replace("-", "_"),
            query=query,
            # Kubernetes counts in thousandths.
            target=round(target, 3),
            target_type="Value" if signal == "latency" else "AverageValue",
        )

    @property
    def quantity(self) -> str:
        """The target as Kubernetes writes it: `4`, `2500m`."""
        thousandths = round(self.target * 1000)
        return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)
