"""Labels, taints and tolerations of GPU nodes and their pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    NodeAffinityArgs,
    NodeSelectorArgs,
    NodeSelectorRequirementArgs,
    NodeSelectorTermArgs,
    TolerationArgs,
)

from infra.clouds import CLOUDS, Taint
from infra.settings import Settings

RESOURCE = "nvidia.com/gpu"
LABELS: Mapping[str, str] = {"nvidia.com/gpu.present": "true"}
"""NVIDIA's own label, by which its device plugin finds the nodes:
https://github.com/NVIDIA/k8s-device-plugin/blob/main/deployments/helm/nvidia-device-plugin/values.yaml"""

TAINT = Taint("nvidia.com/gpu", "present", "NoSchedule")
"""The taint that GKE gives to GPU nodes. It keeps pods that need no GPU away from them."""

NODE_SECONDS = 900
"""How long a new node may take to start with its driver and to pull a CUDA image for the first time."""


@dataclass(frozen=True, kw_only=True)
class PodGpu:
    """What a pod needs beside its GPU in order to be scheduled on a GPU node."""

    taints: Sequence[Taint] = (TAINT,)
    """Taints of the nodes, which the pod must tolerate."""

    node_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Labels that the node must have. Empty leaves the choice to the scheduler, which goes by the GPU."""

    @classmethod
    def of(cls, settings: Settings) -> "PodGpu | None":
        """Take from the settings what concerns the pod's GPU. None means that it has none."""
        if settings.device != "gpu":
            return None
        # Only the nodes that Slipway creates are known to have the label.
        return cls(taints=taints(settings), node_labels=LABELS if settings.cluster_cloud else {})

    def tolerations(self) -> list[TolerationArgs]:
        """Return the tolerations of the pod."""
        return [
            TolerationArgs(key=taint.key, operator="Equal", value=taint.value, effect=taint.effect)
            for taint in self.taints
        ]

    def affinity(self) -> AffinityArgs | None:
        """Return the affinity that keeps the pod on nodes with the labels."""
        if not self.node_labels:
            return None
        requirements = [
            NodeSelectorRequirementArgs(key=key, operator="In", values=[value])
            for key, value in self.node_labels.items()
        ]
        term = NodeSelectorTermArgs(match_expressions=requirements)
        selector = NodeSelectorArgs(node_selector_terms=[term])
        return AffinityArgs(
            node_affinity=NodeAffinityArgs(required_during_scheduling_ignored_during_execution=selector)
        )


def taints(settings: Settings) -> list[Taint]:
    """Return the taints of the GPU nodes."""
    support = CLOUDS[settings.cluster_cloud].gpu if settings.cluster_cloud else None
    spot_taint = support.spot_taint if support and settings.gpu_spot else None
    return [TAINT, *([spot_taint] if spot_taint else [])]
