"""Nodes with GPUs in Azure Kubernetes Service: it brings the driver, the device plugin is a chart.

https://learn.microsoft.com/azure/aks/use-nvidia-gpu
"""

import pulumi
from pulumi_azure_native import containerservice

from infra.clouds.cluster import AksCluster
from infra.gpu.nodes import AKS_SPOT_LABEL, LABEL
from infra.gpu.pool import GpuNodePoolArgs

VM_SIZE = "Standard_NC4as_T4_v3"
"""With one NVIDIA T4."""


def node_pool(
    name: str, args: GpuNodePoolArgs, cluster: AksCluster, opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Declare the pool."""
    priority = containerservice.ScaleSetPriority
    return containerservice.AgentPool(
        name,
        agent_pool_name=name,
        resource_group_name=cluster.resource_group,
        resource_name_=cluster.name,
        mode=containerservice.AgentPoolMode.USER,
        type=containerservice.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
        os_type=containerservice.OSType.LINUX,
        vm_size=args.machine_type or VM_SIZE,
        gpu_profile=containerservice.GPUProfileArgs(driver=containerservice.GPUDriver.INSTALL),
        enable_auto_scaling=True,
        count=args.min_nodes,
        min_count=args.min_nodes,
        max_count=args.max_nodes,
        scale_set_priority=priority.SPOT if args.is_spot else priority.REGULAR,
        scale_set_eviction_policy=containerservice.ScaleSetEvictionPolicy.DELETE if args.is_spot else None,
        # Up to the price on demand.
        spot_max_price=-1 if args.is_spot else None,
        node_labels=dict([LABEL, *([AKS_SPOT_LABEL] if args.is_spot else [])]),
        node_taints=[f"{key}={value}:{effect}" for key, value, effect in args.taints],
        opts=pulumi.ResourceOptions.merge(
            opts,
            # How many there are now is the autoscaler's.
            pulumi.ResourceOptions(ignore_changes=["count"]),
        ),
    )
