"""What nodes with GPUs are marked with, and so what the pods bear that may run there."""

from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    NodeAffinityArgs,
    NodeSelectorArgs,
    NodeSelectorRequirementArgs,
    NodeSelectorTermArgs,
    TolerationArgs,
)

from infra.settings import Settings

RESOURCE = "nvidia.com/gpu"
LABEL = ("nvidia.com/gpu.present", "true")
"""NVIDIA's own, by which its device plugin finds the nodes:
https://github.com/NVIDIA/k8s-device-plugin/blob/main/deployments/helm/nvidia-device-plugin/values.yaml"""

TAINT = ("nvidia.com/gpu", "present", "NoSchedule")
"""As GKE taints its nodes with GPUs, so that nothing else fills them."""

AKS_SPOT_LABEL = ("kubernetes.azure.com/scalesetpriority", "spot")
AKS_SPOT_TAINT = (*AKS_SPOT_LABEL, "NoSchedule")
"""As AKS taints its spot nodes: https://learn.microsoft.com/azure/aks/spot-node-pool."""

NODE_SECONDS = 900
"""How long a node may take to be there with its driver, and to pull a CUDA image for the first time."""


def taints(settings: Settings) -> list[tuple[str, str, str]]:
    """Return the taints of the nodes: key, value, effect."""
    return [TAINT, *([AKS_SPOT_TAINT] if settings.cluster == "aks" and settings.gpu_spot else [])]


def tolerations(settings: Settings) -> list[TolerationArgs] | None:
    """Return what lets a pod onto a node with a GPU, where it wants one."""
    if settings.device != "gpu":
        return None
    return [
        TolerationArgs(key=key, operator="Equal", value=value, effect=effect)
        for key, value, effect in taints(settings)
    ]


def affinity(settings: Settings) -> AffinityArgs | None:
    """Return what keeps a pod on the nodes of the pool.

    Only where the pool is made here and so has the label: elsewhere who labels a node, and how, is not
    known, and that the pod asks for a GPU leaves it no other nodes anyway.

    """
    if settings.device != "gpu" or settings.cloud is None:
        return None
    key, value = LABEL
    term = NodeSelectorTermArgs(
        match_expressions=[NodeSelectorRequirementArgs(key=key, operator="In", values=[value])]
    )
    return AffinityArgs(
        node_affinity=NodeAffinityArgs(
            required_during_scheduling_ignored_during_execution=NodeSelectorArgs(node_selector_terms=[term])
        )
    )
