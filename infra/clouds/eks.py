"""Amazon Elastic Kubernetes Service (EKS). The AWS CLI `aws` must be on PATH."""

import json
from dataclasses import dataclass
from typing import Self

import pulumi
import pulumi_aws as aws

from infra.clouds.cluster import CloudCluster, GpuNodes, kubeconfig
from infra.clouds.eks_autoscaler import eks_autoscaler
from infra.clouds.eks_roles import CLUSTER_POLICIES, NODE_POLICIES, service_role
from infra.clouds.eks_subnets import default_subnets, subnets_that_offer
from infra.clouds.eks_volumes import default_storage_class, volume_driver
from infra.sdk import configured

INSTANCE_TYPE = "m6i.large"
DISK_GIB = 50
"""Room for images, and for the samples of a Prometheus without a volume. EKS gives 20 by default."""

MAX_NODES = 4

ADD_ONS = (
    ("vpc-cni", {"enableNetworkPolicy": "true"}),
    ("metrics-server", None),
    ("eks-pod-identity-agent", None),
)
"""Names and settings of what EKS installs only on request: network policies, CPU metrics, roles of pods."""

GPU_INSTANCE_TYPE = "g6.xlarge"
"""A machine with one NVIDIA L4."""

GPU_DISK_GIB = 100
"""The driver alone fills the 20 GiB that EKS gives by default."""

TAINT_EFFECTS = {"NoSchedule": "NO_SCHEDULE"}


@dataclass(frozen=True, kw_only=True)
class EksCluster(CloudCluster):
    """A cluster of Amazon Elastic Kubernetes Service."""

    region: str
    subnets: pulumi.Input[list[str]]
    """Identifiers of the subnets that nodes are created in."""

    @classmethod
    def find(cls, name: str) -> Self:
        """Look up a cluster in `aws:region`.

        Raises:
            pulumi.RunError: The region is not set.

        """
        region = _region()
        cluster = aws.eks.get_cluster_output(name=name, region=region)
        authority = cluster.certificate_authorities[0].data
        return cls(
            name=name,
            kubeconfig=_kubeconfig(pulumi.Output.from_input(name), region, cluster.endpoint, authority),
            identifier=cluster.arn,
            region=region,
            subnets=cluster.vpc_config.subnet_ids.apply(list),
        )

    @classmethod
    def create(cls, name: str, opts: pulumi.ResourceOptions) -> Self:
        """Declare a small cluster in `aws:region`, in the subnets of the account's default VPC.

        Raises:
            pulumi.RunError: The region is not set, or the account has no default VPC there.

        """
        region = _region()
        subnets = default_subnets(region)
        role, attachments = service_role(f"{name}-control-plane", "eks", CLUSTER_POLICIES, opts)
        # The autoscaler finds the node groups by the cluster's name, so the name is fixed here.
        cluster_name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
        cluster = aws.eks.Cluster(
            name,
            name=cluster_name,
            role_arn=role.arn,
            vpc_config=aws.eks.ClusterVpcConfigArgs(subnet_ids=subnets, endpoint_private_access=True),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
            ),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=attachments)),
        )
        nodes = _nodes(
            f"{name}-nodes", cluster.name, subnets_that_offer(INSTANCE_TYPE, subnets, region), opts
        )
        addons = [
            aws.eks.Addon(
                f"{name}-{addon}",
                cluster_name=cluster.name,
                addon_name=addon,
                configuration_values=json.dumps(values) if values else None,
                resolve_conflicts_on_create="OVERWRITE",
                opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[nodes])),
            )
            for addon, values in ADD_ONS
        ]
        addons.append(volume_driver(name, cluster.name, nodes, opts))
        authority = cluster.certificate_authority.data
        return cls(
            name=cluster_name,
            kubeconfig=_kubeconfig(cluster.name, region, cluster.endpoint, authority),
            identifier=cluster.arn,
            nodes=(nodes, *addons),
            region=region,
            subnets=subnets,
        )

    def add_ons(self, name: str, opts: pulumi.ResourceOptions) -> None:
        """Declare the cluster autoscaler and the class of volumes, which EKS does not bring itself."""
        default_storage_class(name, opts)
        eks_autoscaler(name, self, self.region, opts)

    def gpu_nodes(self, name: str, nodes: GpuNodes, opts: pulumi.ResourceOptions) -> None:
        """Declare a node group with GPUs, which the cluster autoscaler resizes.

        https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-k8s-device-plugin.html

        """
        role, attachments = service_role(name, "ec2", NODE_POLICIES, opts)
        machine_type = nodes.machine_type or GPU_INSTANCE_TYPE
        aws.eks.NodeGroup(
            name,
            cluster_name=self.name,
            node_role_arn=role.arn,
            subnet_ids=subnets_that_offer(machine_type, self.subnets, self.region),
            ami_type="AL2023_x86_64_NVIDIA",
            instance_types=[machine_type],
            disk_size=GPU_DISK_GIB,
            capacity_type="SPOT" if nodes.is_spot else "ON_DEMAND",
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=nodes.min_nodes, desired_size=nodes.min_nodes, max_size=nodes.max_nodes
            ),
            labels=dict(nodes.labels),
            taints=[
                aws.eks.NodeGroupTaintArgs(
                    key=taint.key, value=taint.value, effect=TAINT_EFFECTS[taint.effect]
                )
                for taint in nodes.taints
            ],
            opts=_node_group_options(attachments, opts),
        )


def _nodes(
    name: str, cluster: pulumi.Input[str], subnets: pulumi.Input[list[str]], opts: pulumi.ResourceOptions
) -> aws.eks.NodeGroup:
    role, attachments = service_role(name, "ec2", NODE_POLICIES, opts)
    return aws.eks.NodeGroup(
        name,
        cluster_name=cluster,
        node_role_arn=role.arn,
        subnet_ids=subnets,
        instance_types=[INSTANCE_TYPE],
        disk_size=DISK_GIB,
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(min_size=2, desired_size=2, max_size=MAX_NODES),
        opts=_node_group_options(attachments, opts),
    )


def _node_group_options(
    attachments: list[pulumi.Resource], opts: pulumi.ResourceOptions
) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(
        opts,
        # The autoscaler sets the number of nodes. Another set of subnets would replace every node, and it
        # changes when Amazon adds a zone.
        pulumi.ResourceOptions(
            depends_on=attachments, ignore_changes=["scalingConfig.desiredSize", "subnetIds"]
        ),
    )


def _region() -> str:
    return configured("aws:region", aws.config.region, "eu-west-1")


def _kubeconfig(
    name: pulumi.Output[str],
    region: str,
    endpoint: pulumi.Output[str],
    authority: pulumi.Output[str | None],
) -> pulumi.Output[str]:
    text = pulumi.Output.all(name, endpoint, authority).apply(
        lambda known: kubeconfig(
            *known, "aws", "--region", region, "eks", "get-token", "--cluster-name", known[0]
        )
    )
    return pulumi.Output.secret(text)
