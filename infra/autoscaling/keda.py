"""A ScaledObject of KEDA, which queries Prometheus and manages a HorizontalPodAutoscaler of its own.

The types are a subset of https://keda.sh/docs/latest/reference/scaledobject-spec/ and, for the triggers'
metadata, of https://keda.sh/docs/latest/scalers/prometheus/ and https://keda.sh/docs/latest/scalers/cpu/.
"""

from typing import Literal, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscalerBehaviorArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.autoscaling.args import AutoscalerArgs, ScalingArgs

POLLING_SECONDS = 5
"""How often KEDA checks whether a service without pods must wake. It also queries Prometheus whenever
Kubernetes reads the metric."""

NEVER_REACHED = "1000000000"
"""Threshold of the trigger that only wakes the service: with it the query never asks for more than one
pod."""

MetricType = Literal["AverageValue", "Value", "Utilization"]


class CpuMetadata(TypedDict):
    """Metadata of a CPU trigger. KEDA wants every number as a string."""

    value: str


class PrometheusMetadata(TypedDict):
    """Metadata of a Prometheus trigger: the query, the server and the threshold."""

    serverAddress: str
    query: str
    threshold: str
    activationThreshold: NotRequired[str]
    ignoreNullValues: Literal["true", "false"]


class Trigger(TypedDict):
    """A trigger. The one that asks for most pods decides."""

    type: Literal["cpu", "prometheus"]
    name: str
    metricType: MetricType
    metadata: CpuMetadata | PrometheusMetadata


class HorizontalPodAutoscalerConfig(TypedDict):
    """Settings that KEDA passes on to its HorizontalPodAutoscaler."""

    behavior: HorizontalPodAutoscalerBehaviorArgs


class Advanced(TypedDict):
    """KEDA's section for advanced settings."""

    horizontalPodAutoscalerConfig: HorizontalPodAutoscalerConfig


class ScaleTargetRef(TypedDict):
    """The Deployment that is scaled."""

    name: pulumi.Input[str]


class ScaledObjectSpec(TypedDict):
    """The specification of a ScaledObject. All times are in seconds."""

    scaleTargetRef: ScaleTargetRef
    minReplicaCount: int
    maxReplicaCount: int
    pollingInterval: int
    initialCooldownPeriod: NotRequired[int]
    cooldownPeriod: NotRequired[int]
    advanced: Advanced
    triggers: list[Trigger]


def scaled_object(name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions) -> None:
    """Declare the ScaledObject.

    It has no `fallback`. When the metric is missing, the HorizontalPodAutoscaler removes no pod, and still
    adds pods if CPU asks for them. A fixed number of replicas, as a fallback gives, would prevent both.

    """
    CustomResource(
        name,
        api_version="keda.sh/v1alpha1",
        kind="ScaledObject",
        metadata=ObjectMetaArgs(
            name=args.metadata.name,
            namespace=args.metadata.namespace,
            labels=args.metadata.labels,
            # KEDA copies the labels to its own autoscaler. That one is managed by KEDA, not by Slipway.
            annotations={"scaledobject.keda.sh/hpa-excluded-labels": "app.kubernetes.io/managed-by"},
        ),
        spec=_spec(args.deployment, args.scaling),
        opts=opts,
    )


def _spec(deployment: Deployment, scaling: ScalingArgs) -> ScaledObjectSpec:
    spec: ScaledObjectSpec = {
        "scaleTargetRef": {"name": deployment.metadata["name"]},
        "minReplicaCount": scaling.min_replicas,
        "maxReplicaCount": scaling.max_replicas,
        "pollingInterval": POLLING_SECONDS,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": scaling.behavior}},
        "triggers": [*_signal(scaling), _cpu(scaling), *_wake(scaling)],
    }
    if scaling.min_replicas == 0 and scaling.scale_down_stabilization_seconds is not None:
        # The last pod is removed as slowly as the others. A new service has the same time for its first
        # request.
        spec["initialCooldownPeriod"] = spec["cooldownPeriod"] = scaling.scale_down_stabilization_seconds
    return spec


def _signal(scaling: ScalingArgs) -> list[Trigger]:
    metric = scaling.metric
    if metric is None or scaling.prometheus_url is None:
        return []
    metadata: PrometheusMetadata = {
        "serverAddress": scaling.prometheus_url,
        "query": metric.query,
        "threshold": str(metric.target),
        # A missing metric must be an error, not zero: with zero, KEDA would remove pods that Prometheus
        # merely cannot scrape. A service without pods has no metric either; that error is harmless.
        "ignoreNullValues": "false",
    }
    return [{"type": "prometheus", "name": "signal", "metricType": metric.target_type, "metadata": metadata}]


def _cpu(scaling: ScalingArgs) -> Trigger:
    return {
        "type": "cpu",
        "name": "cpu",
        "metricType": "Utilization",
        "metadata": {"value": str(scaling.target_cpu_utilization)},
    }


def _wake(scaling: ScalingArgs) -> list[Trigger]:
    if scaling.min_replicas > 0 or scaling.wake_query is None or scaling.prometheus_url is None:
        return []
    metadata: PrometheusMetadata = {
        "serverAddress": scaling.prometheus_url,
        "query": scaling.wake_query,
        "threshold": NEVER_REACHED,
        "activationThreshold": "0",
        # An ingress has no series of a service before its first request.
        "ignoreNullValues": "true",
    }
    return [{"type": "prometheus", "name": "wake", "metricType": "AverageValue", "metadata": metadata}]
