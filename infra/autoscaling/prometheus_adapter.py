"""The rule by which prometheus-adapter offers the metric to Kubernetes."""

from typing import TypedDict

from infra.autoscaling.metric import Metric
from infra.queries import Queries
from infra.settings import Settings


class ExternalRule(TypedDict):
    """An entry of `externalRules`, which is `rules.external` in the chart's values.

    https://github.com/kubernetes-sigs/prometheus-adapter/blob/master/docs/externalmetrics.md

    """

    seriesQuery: str
    name: dict[str, str]
    resources: dict[str, bool]
    metricsQuery: str


def adapter_rule(settings: Settings) -> ExternalRule | None:
    """Return the rule that offers the metric. None means that another backend is used."""
    metric = Metric.of(settings)
    if metric is None or settings.autoscaling_backend != "prometheus-adapter":
        return None
    return {
        "seriesQuery": Queries(namespace=settings.namespace).scraped(),
        "name": {"as": metric.name},
        # The query itself names the namespace, as it does for KEDA.
        "resources": {"namespaced": False},
        "metricsQuery": metric.query,
    }
