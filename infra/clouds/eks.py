"""Clusters of Amazon Elastic Kubernetes Service. AWS's CLI `aws` must be on PATH."""

import json

import pulumi
import pulumi_aws as aws

from infra.clouds.cluster import EksCluster, kubeconfig
from infra.clouds.sdk import configured

INSTANCE_TYPE = "m6i.large"
MAX_NODES = 4

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly")
"""What a node may do: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html."""

WITHOUT_CONTROL_PLANE = ("use1-az3", "usw1-az2", "cac1-az3")
"""Availability zones: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html."""


def find(name: str) -> EksCluster:
    """Find a cluster in `aws:region`.

    Raises:
        pulumi.RunError: it is not set.

    """
    region = _region()
    cluster = aws.eks.get_cluster_output(name=name, region=region)
    return EksCluster(
        name=name,
        kubeconfig=_kubeconfig(
            pulumi.Output.from_input(name),
            region,
            cluster.endpoint,
            cluster.certificate_authorities[0].data,
        ),
        identifier=cluster.arn,
        region=region,
        subnets=cluster.vpc_config.subnet_ids.apply(list),
    )


def make(name: str, opts: pulumi.ResourceOptions) -> EksCluster:
    """Make a small cluster in `aws:region`, in the subnets of the account's default VPC.

    With it come what EKS leaves to its add-ons: metrics for the HorizontalPodAutoscaler, network policies,
    and roles of pods.

    Raises:
        pulumi.RunError: the region is not set.

    """
    region = _region()
    subnets = _default_subnets()
    role, allowed = service_role(f"{name}-control-plane", "eks", ("AmazonEKSClusterPolicy",), opts)
    # Named, for the autoscaler finds its node groups by it.
    cluster_name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
    cluster = aws.eks.Cluster(
        name,
        name=cluster_name,
        role_arn=role.arn,
        vpc_config=aws.eks.ClusterVpcConfigArgs(subnet_ids=subnets, endpoint_private_access=True),
        access_config=aws.eks.ClusterAccessConfigArgs(
            authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=allowed)),
    )
    node_role, node_allowed = service_role(f"{name}-nodes", "ec2", NODE_POLICIES, opts)
    nodes = aws.eks.NodeGroup(
        f"{name}-nodes",
        cluster_name=cluster.name,
        node_role_arn=node_role.arn,
        subnet_ids=subnets,
        instance_types=[INSTANCE_TYPE],
        scaling_config=aws.eks.NodeGroupScalingConfigArgs(min_size=2, desired_size=2, max_size=MAX_NODES),
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(depends_on=node_allowed, ignore_changes=["scalingConfig.desiredSize"]),
        ),
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
        for addon, values in (
            ("vpc-cni", {"enableNetworkPolicy": "true"}),
            ("metrics-server", None),
            ("eks-pod-identity-agent", None),
        )
    ]
    return EksCluster(
        name=cluster_name,
        kubeconfig=_kubeconfig(
            cluster.name,
            region,
            cluster.endpoint,
            cluster.certificate_authority.data,
        ),
        identifier=cluster.arn,
        nodes=(nodes, *addons),
        region=region,
        subnets=subnets,
    )


def service_role(
    name: str, service: str, policies: tuple[str, ...], opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Declare a role that a service of AWS takes on.

    Returns:
        The role, and what it must have been attached before it can be used.

    """
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": ["sts:AssumeRole", *(["sts:TagSession"] if service == "pods.eks" else [])],
    }
    role = aws.iam.Role(
        name,
        assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        opts=opts,
    )
    attached: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in policies
    ]
    return role, attached


def _region() -> str:
    return configured("aws:region", aws.config.region, "eu-west-1")


def _default_subnets() -> pulumi.Output[list[str]]:
    zones = aws.get_availability_zones_output(
        state="available",
        exclude_zone_ids=WITHOUT_CONTROL_PLANE,
        # No local zones.
        filters=[aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])],
    )
    subnets = aws.ec2.get_subnets_output(
        filters=zones.zone_ids.apply(
            lambda ids: [
                aws.ec2.GetSubnetsFilterArgs(name="default-for-az", values=["true"]),
                aws.ec2.GetSubnetsFilterArgs(name="availability-zone-id", values=ids),
            ]
        )
    )
    return subnets.ids.apply(list)


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
