"""Nodes with GPUs in Google Kubernetes Engine, which brings driver and device plugin itself."""

import pulumi
from pulumi_gcp import container

from infra.clouds.cluster import GkeCluster
from infra.clouds.gke import SCOPES
from infra.gpu.nodes import LABEL
from infra.gpu.pool import GpuNodePoolArgs

MACHINE_TYPE = "g2-standard-4"
ACCELERATOR = "nvidia-l4"
"""Of which the machine type has one."""

EFFECTS = {"NoSchedule": "NO_SCHEDULE"}


def node_pool(
    name: str, args: GpuNodePoolArgs, cluster: GkeCluster, opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Declare the pool.

    https://cloud.google.com/kubernetes-engine/docs/how-to/gpus

    """
    driver = container.NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs(
        gpu_driver_version="DEFAULT"
    )
    return container.NodePool(
        name,
        cluster=cluster.name,
        location=cluster.location,
        initial_node_count=args.min_nodes,
        # In all zones of a regional cluster together.
        autoscaling=container.NodePoolAutoscalingArgs(
            total_min_node_count=args.min_nodes,
            total_max_node_count=args.max_nodes,
            # GPUs are where they are.
            location_policy="ANY",
        ),
        node_config=container.NodePoolNodeConfigArgs(
            machine_type=args.machine_type or MACHINE_TYPE,
            spot=args.is_spot,
            oauth_scopes=SCOPES,
            guest_accelerators=[
                container.NodePoolNodeConfigGuestAcceleratorArgs(
                    type=args.accelerator or ACCELERATOR, count=1, gpu_driver_installation_config=driver
                )
            ],
            labels=dict([LABEL]),
            taints=[
                container.NodePoolNodeConfigTaintArgs(key=key, value=value, effect=EFFECTS[effect])
                for key, value, effect in args.taints
            ],
        ),
        opts=pulumi.ResourceOptions.merge(
            opts,
            # A change would make a new pool, and what it is now is the autoscaler's.
            pulumi.ResourceOptions(ignore_changes=["initialNodeCount"]),
        ),
    )
