"""The rules by which prometheus-adapter offers the metrics of models to Kubernetes."""

from collections.abc import Iterable
from typing import TypedDict

from infra.autoscaling.metric import Metric
from infra.queries import Queries, metrics_service
from infra.settings import Settings


class ExternalRule(TypedDict):
    """An entry of `externalRules`, which is `rules.external` in the chart's values.

    https://github.com/kubernetes-sigs/prometheus-adapter/blob/master/docs/externalmetrics.md

    """

    seriesQuery: str
    name: dict[str, str]
    resources: dict[str, bool]
    metricsQuery: str


def adapter_rules(models: Iterable[Settings]) -> list[ExternalRule]:
    """Return a rule for the metric of each model whose autoscaler reads it from prometheus-adapter."""
    return [rule for model in models if (rule := _rule(model))]


def _rule(settings: Settings) -> ExternalRule | None:
    metric = Metric.of(settings)
    if metric is None or settings.autoscaling_backend != "prometheus-adapter":
        return None
    return {
        "seriesQuery": Queries(
            namespace=settings.namespace, service=metrics_service(settings.service)
        ).scraped(),
        "name": {"as": metric.name},
        # The query itself names the namespace, as it does for KEDA.
        "resources": {"namespaced": False},
        "metricsQuery": metric.query,
    }
