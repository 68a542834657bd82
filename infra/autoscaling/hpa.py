"""Scaling by a HorizontalPodAutoscaler: on CPU, and on a metric that prometheus-adapter serves."""

import pulumi
from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    ExternalMetricSourceArgs,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpecArgs,
    MetricIdentifierArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    ResourceMetricSourceArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.autoscaling.args import AutoscalerArgs
from infra.autoscaling.metric import Metric


def horizontal_pod_autoscaler(name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions) -> None:
    """Declare the autoscaler. Most pods win; while the metric is missing, none is taken away."""
    HorizontalPodAutoscaler(
        name,
        metadata=ObjectMetaArgs(
            name=args.metadata.name,
            namespace=args.metadata.namespace,
            labels=args.metadata.labels,
            # KEDA may take over: its webhook refuses a ScaledObject beside another autoscaler, and the engine
            # deletes that one last. In between Kubernetes lets neither scale.
            annotations={"validations.keda.sh/hpa-ownership": "false"},
        ),
        spec=HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=CrossVersionObjectReferenceArgs(
                api_version="apps/v1",
                kind="Deployment",
                name=args.deployment.metadata["name"],
            ),
            min_replicas=args.min_replicas,
            max_replicas=args.max_replicas,
            metrics=[*([_external(args.metric)] if args.metric else []), _cpu(args.target_cpu_utilization)],
            behavior=args.behavior,
        ),
        opts=opts,
    )


def _cpu(utilization: int) -> MetricSpecArgs:
    return MetricSpecArgs(
        type="Resource",
        resource=ResourceMetricSourceArgs(
            name="cpu",
            target=MetricTargetArgs(type="Utilization", average_utilization=utilization),
        ),
    )


def _external(metric: Metric) -> MetricSpecArgs:
    target = (
        MetricTargetArgs(type="Value", value=metric.quantity)
        if metric.target_type == "Value"
        else MetricTargetArgs(type="AverageValue", average_value=metric.quantity)
    )
    return MetricSpecArgs(
        type="External",
        external=ExternalMetricSourceArgs(metric=MetricIdentifierArgs(name=metric.name), target=target),
    )
