"""How many pods serve a model."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpecArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    ResourceMetricSourceArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """What is scaled, between which bounds, and by which signal."""

    metadata: ObjectMetaArgs
    deployment: Deployment
    min_replicas: int
    max_replicas: int
    target_cpu_utilization: int
    """Percent of the CPU request."""

    @classmethod
    def of(cls, settings: Settings, metadata: ObjectMetaArgs, deployment: Deployment) -> "AutoscalerArgs":
        """Take from the settings what concerns autoscaling."""
        return cls(
            metadata=metadata,
            deployment=deployment,
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            target_cpu_utilization=settings.target_cpu_utilization,
        )


class Autoscaler(pulumi.ComponentResource):
    """A HorizontalPodAutoscaler on CPU. It alone owns the Deployment's number of replicas."""

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Autoscaler", name, {}, opts)
        HorizontalPodAutoscaler(
            f"{name}-autoscaler",
            metadata=args.metadata,
            spec=HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=CrossVersionObjectReferenceArgs(
                    api_version="apps/v1",
                    kind="Deployment",
                    name=args.deployment.metadata["name"],
                ),
                min_replicas=args.min_replicas,
                max_replicas=args.max_replicas,
                metrics=[
                    MetricSpecArgs(
                        type="Resource",
                        resource=ResourceMetricSourceArgs(
                            name="cpu",
                            target=MetricTargetArgs(
                                type="Utilization", average_utilization=args.target_cpu_utilization
                            ),
                        ),
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
