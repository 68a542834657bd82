"""Autoscaling: how many pods serve a model."""

import pulumi

from infra.autoscaling.args import AutoscalerArgs, ScalingArgs, prometheus_url
from infra.autoscaling.hpa import horizontal_pod_autoscaler
from infra.autoscaling.keda import scaled_object
from infra.autoscaling.prometheus_adapter import ExternalRule, adapter_rules

__all__ = ["Autoscaler", "AutoscalerArgs", "ExternalRule", "ScalingArgs", "adapter_rules", "prometheus_url"]


class Autoscaler(pulumi.ComponentResource):
    """The autoscaler of one Deployment. Nothing else sets the Deployment's number of replicas."""

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Autoscaler", name, {}, opts)
        declare = {
            "hpa-cpu": horizontal_pod_autoscaler,
            "prometheus-adapter": horizontal_pod_autoscaler,
            "keda": scaled_object,
        }[args.scaling.backend]
        declare(f"{name}-autoscaler", args, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
