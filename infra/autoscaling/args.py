"""Arguments of an autoscaler, the same for every backend."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.autoscaling.v2 import (
    HorizontalPodAutoscalerBehaviorArgs,
    HPAScalingPolicyArgs,
    HPAScalingRulesArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.autoscaling.metric import Metric
from infra.settings import Settings
from infra.settings.scaling import Backend

KUBE_PROMETHEUS_STACK = "kube-prometheus-stack-prometheus"
"""Service of the Prometheus that `monitoring: install` installs."""


@dataclass(frozen=True, kw_only=True)
class ScalingArgs:
    """How many pods there are, and what their number follows."""

    min_replicas: int
    """0 needs the backend `keda` and a `wake_query`."""

    max_replicas: int
    target_cpu_utilization: int
    """Percent of the CPU request. CPU limits how few pods every metric can lead to."""

    backend: Backend = "hpa-cpu"
    """`hpa-cpu` follows CPU alone. `prometheus-adapter` and `keda` follow `metric` as well."""

    metric: Metric | None = None
    prometheus_url: str | None = None
    """Address of Prometheus from within the cluster, for the backend `keda`."""

    wake_query: str | None = None
    """PromQL that is above 0 while there are requests for a service without pods."""

    scale_down_stabilization_seconds: int | None = None
    """How long fewer pods must have been enough before one is removed. None means Kubernetes' default."""

    def __post_init__(self) -> None:
        """Check what the types do not.

        Raises:
            pulumi.RunError: Two of the values do not fit together.

        """
        if self.max_replicas < max(self.min_replicas, 1):
            raise pulumi.RunError(f"max_replicas: {self.max_replicas}: at least 1 and min_replicas")
        if self.metric and self.backend == "hpa-cpu":
            raise pulumi.RunError("backend: 'hpa-cpu': prometheus-adapter or keda, for metric is set")
        if self.backend == "keda" and (self.metric or self.wake_query) and not self.prometheus_url:
            raise pulumi.RunError("prometheus_url: None: an address, for KEDA queries Prometheus itself")
        if self.min_replicas == 0 and not (self.backend == "keda" and self.wake_query):
            raise pulumi.RunError("min_replicas: 0: at least 1, unless backend is keda and wake_query is set")

    @classmethod
    def of(cls, settings: Settings) -> "ScalingArgs":
        """Take from the settings what concerns autoscaling."""
        return cls(
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            target_cpu_utilization=settings.target_cpu_utilization,
            backend=settings.autoscaling_backend,
            metric=Metric.of(settings),
            prometheus_url=prometheus_url(settings),
            wake_query=settings.autoscaling_wake_query,
            scale_down_stabilization_seconds=settings.scale_down_stabilization_seconds,
        )

    @property
    def behavior(self) -> HorizontalPodAutoscalerBehaviorArgs:
        """The speed of scaling: pods are added at once, and removed a few at a time."""
        return HorizontalPodAutoscalerBehaviorArgs(
            scale_up=HPAScalingRulesArgs(
                stabilization_window_seconds=0,
                select_policy="Max",
                policies=_policies(percent=100, pods=4, seconds=15),
            ),
            scale_down=HPAScalingRulesArgs(
                stabilization_window_seconds=self.scale_down_stabilization_seconds,
                select_policy="Max",
                policies=_policies(percent=25, pods=1, seconds=60),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """The Deployment that is scaled, and how."""

    metadata: ObjectMetaArgs
    deployment: Deployment
    scaling: ScalingArgs


def prometheus_url(settings: Settings) -> str:
    """Return the address of Prometheus from within the cluster."""
    if settings.prometheus_url is None:
        return f"http://{KUBE_PROMETHEUS_STACK}.{settings.monitoring_namespace}:9090"
    # The clients append the path of its API.
    return str(settings.prometheus_url).rstrip("/")


def _policies(*, percent: int, pods: int, seconds: int) -> list[HPAScalingPolicyArgs]:
    return [
        HPAScalingPolicyArgs(type="Percent", value=percent, period_seconds=seconds),
        HPAScalingPolicyArgs(type="Pods", value=pods, period_seconds=seconds),
    ]
