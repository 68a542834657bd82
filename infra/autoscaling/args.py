"""What an autoscaler is told, whichever backend it is."""

from dataclasses import dataclass

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
"""Service of the Prometheus that monitoring `install` brings."""


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """What is scaled, between which bounds, and by what."""

    metadata: ObjectMetaArgs
    deployment: Deployment
    backend: Backend
    metric: Metric | None
    """None is CPU alone, which is the backstop of every metric."""
    target_cpu_utilization: int
    """Percent of the CPU request."""
    min_replicas: int
    max_replicas: int
    scale_down_stabilization_seconds: int
    prometheus_url: str
    wake_query: str | None
    """PromQL that is above 0 while a service that is scaled to zero is asked for."""

    @classmethod
    def of(cls, settings: Settings, metadata: ObjectMetaArgs, deployment: Deployment) -> "AutoscalerArgs":
        """Take from the settings what concerns autoscaling."""
        return cls(
            metadata=metadata,
            deployment=deployment,
            backend=settings.autoscaling_backend,
            metric=Metric.of(settings),
            target_cpu_utilization=settings.target_cpu_utilization,
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            scale_down_stabilization_seconds=settings.scale_down_stabilization_seconds,
            prometheus_url=prometheus_url(settings),
            wake_query=settings.autoscaling_wake_query,
        )

    @property
    def behavior(self) -> HorizontalPodAutoscalerBehaviorArgs:
        """Pods are added at once, and taken away a few at a time when fewer have long been enough."""
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


def prometheus_url(settings: Settings) -> str:
    """Return where Prometheus is asked from within the cluster."""
    if settings.prometheus_url is None:
        return f"http://{KUBE_PROMETHEUS_STACK}.{settings.monitoring_namespace}:9090"
    # Callers append the path of its API.
    return str(settings.prometheus_url).rstrip("/")


def _policies(*, percent: int, pods: int, seconds: int) -> list[HPAScalingPolicyArgs]:
    return [
        HPAScalingPolicyArgs(type="Percent", value=percent, period_seconds=seconds),
        HPAScalingPolicyArgs(type="Pods", value=pods, period_seconds=seconds),
    ]
