"""The model service that a dashboard shows."""

from dataclasses import dataclass
from functools import cached_property

from infra.autoscaling import ScalingArgs
from infra.autoscaling.metric import Metric
from infra.kubernetes_queries import KubernetesQueries
from infra.objectives import ObjectivesArgs
from infra.queries import Queries, metrics_service
from infra.server import ServerArgs


@dataclass(frozen=True, kw_only=True)
class DashboardContext:
    """One model service: its names, its objectives, and the queries about it."""

    namespace: str
    service: str
    """Name of the Service, which is that of its `ModelService`."""

    deployment: str
    """Name of the Deployment, which is the model's."""

    objectives: ObjectivesArgs
    scaling: ScalingArgs
    server: ServerArgs
    has_gpus: bool

    @cached_property
    def queries(self) -> Queries:
        """Queries of the pods' own metrics."""
        return Queries(namespace=self.namespace, service=metrics_service(self.service))

    @cached_property
    def kubernetes(self) -> KubernetesQueries:
        """Queries of the cluster's metrics about the pods."""
        return KubernetesQueries(namespace=self.namespace, deployment=self.deployment)

    @property
    def metric(self) -> Metric | None:
        """The metric that the autoscaler follows in addition to CPU."""
        return self.scaling.metric
