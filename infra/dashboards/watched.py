"""Whom a dashboard is about."""

from dataclasses import dataclass
from functools import cached_property

from infra.autoscaling.metric import Metric
from infra.dashboards.kubernetes import KubernetesQueries
from infra.queries import Queries
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One deployed model: what it is called, what was promised of it, and whom to ask about it."""

    settings: Settings
    deployment: str
    """The Deployment's name, which is the model's."""

    @cached_property
    def queries(self) -> Queries:
        """What the pods themselves measure."""
        return Queries(namespace=self.settings.namespace)

    @cached_property
    def kubernetes(self) -> KubernetesQueries:
        """What the cluster measures of them."""
        return KubernetesQueries(namespace=self.settings.namespace, deployment=self.deployment)

    @cached_property
    def metric(self) -> Metric | None:
        """What the autoscaler follows beside CPU."""
        return Metric.of(self.settings)
