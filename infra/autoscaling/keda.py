"""Scaling by KEDA, which asks Prometheus itself and keeps a HorizontalPodAutoscaler of its own.

A subset of https://keda.sh/docs/latest/reference/scaledobject-spec/ and, for the triggers' metadata, of
https://keda.sh/docs/latest/scalers/prometheus/ and https://keda.sh/docs/latest/scalers/cpu/.
"""

from typing import Literal, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscalerBehaviorArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.autoscaling.args import AutoscalerArgs

POLLING_SECONDS = 5
"""How often KEDA looks whether to wake a service. It asks Prometheus whenever Kubernetes asks it, besides."""

NEVER_REACHED = "1000000000"
"""Target of what only says whether a pod is needed: above 0 it is one pod, and never more."""

MetricType = Literal["AverageValue", "Value", "Utilization"]


class CpuMetadata(TypedDict):
    """A number is a string in all metadata."""

    value: str


class PrometheusMetadata(TypedDict):
    """What is asked, of whom, and what is right."""

    serverAddress: str
    query: str
    threshold: str
    activationThreshold: NotRequired[str]
    ignoreNullValues: Literal["true", "false"]


class Trigger(TypedDict):
    """One of the things that pods are scaled by. Most pods win."""

    type: Literal["cpu", "prometheus"]
    name: str
    metricType: MetricType
    metadata: CpuMetadata | PrometheusMetadata


class HorizontalPodAutoscalerConfig(TypedDict):
    """What KEDA hands on to its HorizontalPodAutoscaler."""

    behavior: HorizontalPodAutoscalerBehaviorArgs


class Advanced(TypedDict):
    """What KEDA sets apart from the rest."""

    horizontalPodAutoscalerConfig: HorizontalPodAutoscalerConfig


class ScaleTargetRef(TypedDict):
    """Which Deployment is scaled."""

    name: pulumi.Input[str]


class ScaledObjectSpec(TypedDict):
    """What is scaled, and how. All times are in seconds."""

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

    It has no fallback. A metric that is missing is an error to the HorizontalPodAutoscaler, which then takes
    no pod away, and still adds some if CPU asks for it; a number of replicas made up instead would hide both.

    """
    CustomResource(
        name,
        api_version="keda.sh/v1alpha1",
        kind="ScaledObject",
        metadata=ObjectMetaArgs(
            name=args.metadata.name,
            namespace=args.metadata.namespace,
            labels=args.metadata.labels,
            # KEDA copies the labels to its own autoscaler, which it alone manages.
            annotations={"scaledobject.keda.sh/hpa-excluded-labels": "app.kubernetes.io/managed-by"},
        ),
        spec=_spec(args),
        opts=opts,
    )


def _spec(args: AutoscalerArgs) -> ScaledObjectSpec:
    spec: ScaledObjectSpec = {
        "scaleTargetRef": {"name": args.deployment.metadata["name"]},
        "minReplicaCount": args.min_replicas,
        "maxReplicaCount": args.max_replicas,
        "pollingInterval": POLLING_SECONDS,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": args.behavior}},
        "triggers": [*_signal(args), _cpu(args), *_wake(args)],
    }
    if args.min_replicas == 0:
        # The last pod goes as others do; and a new service has that long for its first, and first request.
        spec["initialCooldownPeriod"] = spec["cooldownPeriod"] = args.scale_down_stabilization_seconds
    return spec


def _signal(args: AutoscalerArgs) -> list[Trigger]:
    metric = args.metric
    if metric is None:
        return []
    metadata: PrometheusMetadata = {
        "serverAddress": args.prometheus_url,
        "query": metric.query,
        "threshold": str(metric.target),
        # Nothing measured is not nothing to do: pods that Prometheus cannot see would be taken away.
        # A service at zero is an error thus, too, to no effect: that nobody can measure it, all know.
        "ignoreNullValues": "false",
    }
    return [{"type": "prometheus", "name": "signal", "metricType": metric.target_type, "metadata": metadata}]


def _cpu(args: AutoscalerArgs) -> Trigger:
    return {
        "type": "cpu",
        "name": "cpu",
        "metricType": "Utilization",
        "metadata": {"value": str(args.target_cpu_utilization)},
    }


def _wake(args: AutoscalerArgs) -> list[Trigger]:
    if args.min_replicas > 0 or args.wake_query is None:
        return []
    metadata: PrometheusMetadata = {
        "serverAddress": args.prometheus_url,
        "query": args.wake_query,
        "threshold": NEVER_REACHED,
        "activationThreshold": "0",
        # An ingress says nothing of a service before its first request.
        "ignoreNullValues": "true",
    }
    return [{"type": "prometheus", "name": "wake", "metricType": "AverageValue", "metadata": metadata}]
