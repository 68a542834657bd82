"""Amazon Elastic Kubernetes Service (EKS). The AWS CLI `aws` must be on PATH."""

import json
from dataclasses import dataclass
from typing import Self

import pulumi
import pulumi_aws as aws

from infra.clouds.cluster import CloudCluster, GpuNodes, kubeconfig
from infra.clouds.eks_access import LOGS, admit, encryption, log_group
from infra.clouds.eks_autoscaler import eks_autoscaler
from infra.clouds.eks_nodes import NodeGroupArgs, node_group
from infra.clouds.eks_roles import CLUSTER_POLICIES, service_role
from infra.clouds.eks_subnets import default_subnets, subnets_that_offer
from infra.clouds.eks_volumes import default_storage_class, volume_driver
from infra.sdk import configured
from infra.settings.cloud import NewCluster

INSTANCE_TYPE = "m6i.large"
DISK_GIB = 50
"""Room for images, and for the samples of a Prometheus without a volume. EKS gives 20 by default."""

MIN_NODES = 2
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
    def create(cls, name: str, new: NewCluster, opts: pulumi.ResourceOptions) -> Self:
        """Declare a small cluster in `aws:region`, in given subnets or in those of the account's default VPC.

        Raises:
            pulumi.RunError: The region is not set, or the account has no default VPC there.

        """
        region = _region()
        subnets = pulumi.Output.from_input([*new.subnets]) if new.subnets else default_subnets(region)
        role, attachments = service_role(f"{name}-control-plane", "eks", CLUSTER_POLICIES, opts)
        # The autoscaler finds the node groups by the cluster's name, so the name is fixed here.
        cluster_name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
        cluster = aws.eks.Cluster(
            name,
            name=cluster_name,
            role_arn=role.arn,
            version=new.version,
            # Otherwise Amazon asks for six times the price when a version is old, and does not upgrade it:
            # https://docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=subnets,
                endpoint_private_access=True,
                endpoint_public_access=not new.private_endpoint,
                public_access_cidrs=[*new.api_ranges] or None,
            ),
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
            ),
            enabled_cluster_log_types=[*LOGS] if new.control_plane_logs else None,
            encryption_config=encryption(new),
            deletion_protection=new.deletion_protection,
            tags=_tags(new),
            opts=pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(depends_on=[*attachments, *log_group(name, cluster_name, new, opts)]),
            ),
        )
        admit(name, cluster.name, new.admins, opts)
        nodes = node_group(
            f"{name}-nodes",
            NodeGroupArgs(
                cluster=cluster.name,
                subnets=subnets_that_offer(INSTANCE_TYPE, subnets, region),
                instance_type=INSTANCE_TYPE,
                disk_gib=DISK_GIB,
                min_size=MIN_NODES,
                desired_size=MIN_NODES,
                max_size=MAX_NODES,
                tags=_tags(new),
            ),
            opts,
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
            new=new,
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
        if self.new is None and nodes.min_nodes < nodes.max_nodes:
            pulumi.log.warn(
                f"device: 'gpu': nodes are added to {self.name} only by an autoscaler that it has already. "
                "Slipway cannot see whether one does: install the cluster autoscaler, or set gpuMinNodes to "
                f"gpuMaxNodes, {nodes.max_nodes}"
            )
        machine_type = nodes.machine_type or GPU_INSTANCE_TYPE
        node_group(
            name,
            NodeGroupArgs(
                cluster=self.name,
                subnets=subnets_that_offer(machine_type, self.subnets, self.region),
                image="AL2023_x86_64_NVIDIA",
                instance_type=machine_type,
                disk_gib=GPU_DISK_GIB,
                is_spot=nodes.is_spot,
                min_size=nodes.min_nodes,
                desired_size=nodes.min_nodes,
                max_size=nodes.max_nodes,
                labels=nodes.labels,
                taints=nodes.taints,
                tags=_tags(self.new) if self.new else {},
            ),
            opts,
        )


def _tags(new: NewCluster) -> dict[str, str]:
    """Return the tags of the cluster and its nodes, for bills and searches."""
    return {"slipway-stack": f"{pulumi.get_project()}-{pulumi.get_stack()}", **new.tags}


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
