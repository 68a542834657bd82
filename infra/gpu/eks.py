"""Nodes with GPUs in Amazon EKS: the image brings the driver, the device plugin is a chart.

https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-k8s-device-plugin.html
"""

import pulumi
from pulumi_aws import eks

from infra.clouds.cluster import EksCluster
from infra.clouds.eks import NODE_POLICIES, service_role
from infra.gpu.nodes import LABEL
from infra.gpu.pool import GpuNodePoolArgs

INSTANCE_TYPE = "g6.xlarge"
"""With one NVIDIA L4."""

DISK_GIB = 100
"""EKS's own 20 are full of the driver before a CUDA image is pulled."""

EFFECTS = {"NoSchedule": "NO_SCHEDULE"}


def node_pool(
    name: str, args: GpuNodePoolArgs, cluster: EksCluster, opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Declare the pool, a managed node group. The cluster's autoscaler resizes it."""
    role, allowed = service_role(name, "ec2", NODE_POLICIES, opts)
    return eks.NodeGroup(
        name,
        cluster_name=cluster.name,
        node_role_arn=role.arn,
        subnet_ids=cluster.subnets,
        ami_type="AL2023_x86_64_NVIDIA",
        instance_types=[args.machine_type or INSTANCE_TYPE],
        disk_size=DISK_GIB,
        capacity_type="SPOT" if args.is_spot else "ON_DEMAND",
        scaling_config=eks.NodeGroupScalingConfigArgs(
            min_size=args.min_nodes, desired_size=args.min_nodes, max_size=args.max_nodes
        ),
        labels=dict([LABEL]),
        taints=[
            eks.NodeGroupTaintArgs(key=key, value=value, effect=EFFECTS[effect])
            for key, value, effect in args.taints
        ],
        opts=pulumi.ResourceOptions.merge(
            opts,
            # How many there are now is the autoscaler's.
            pulumi.ResourceOptions(depends_on=allowed, ignore_changes=["scalingConfig.desiredSize"]),
        ),
    )
