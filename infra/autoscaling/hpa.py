"""A HorizontalPodAutoscaler, which follows CPU and a metric that prometheus-adapter offers."""

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
    """Declare the autoscaler.

    The metric that asks for most pods decides. While the external metric is missing, no pod is removed.

    """
    scaling = args.scaling
    HorizontalPodAutoscaler(
        name,
        metadata=ObjectMetaArgs(
            name=args.metadata.name,
            namespace=args.metadata.namespace,
            labels=args.metadata.labels,
            # Allows KEDA to take over. Its webhook refuses a ScaledObject beside another autoscaler, but the
            # engine deletes the other one last. While both exist, Kubernetes lets neither of them scale.
            annotations={"validations.keda.sh/hpa-ownership": "false"},
        ),
        spec=HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=CrossVersionObjectReferenceArgs(
                api_version="apps/v1",
                kind="Deployment",
                name=args.deployment.metadata["name"],
            ),
            min_replicas=scaling.min_replicas,
            max_replicas=scaling.max_replicas,
            metrics=[
                *([_external(scaling.metric)] if scaling.metric else []),
                _cpu(scaling.target_cpu_utilization),
            ],
            behavior=scaling.behavior,
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
