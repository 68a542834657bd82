"""The cluster autoscaler of a created EKS cluster: EKS does not resize its node groups itself."""

import json

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes.helm.v3 import Release

from infra.clouds.cluster import CloudCluster
from infra.clouds.eks_roles import service_role
from infra.helm import Chart

CHART = Chart(
    name="cluster-autoscaler", version="9.52.1", repository="https://kubernetes.github.io/autoscaler"
)
NAMESPACE = "kube-system"

MAY_READ = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLaunchConfigurations",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:DescribeTags",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:GetInstanceTypesFromInstanceRequirements",
    # The labels and taints of a node group that has no node yet.
    "eks:DescribeNodegroup",
)
MAY_RESIZE = ("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup")
"""https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md"""


def eks_autoscaler(name: str, cluster: CloudCluster, region: str, opts: pulumi.ResourceOptions) -> Release:
    """Declare the cluster autoscaler, with a role that may resize the node groups of this cluster only.

    Args:
        name: Resource name of the cluster.
        cluster: A created cluster, with the agent that gives pods their roles.
        region: The cluster's region.
        opts: Parent, and the Kubernetes provider of the cluster.

    """
    full_name = f"{name}-autoscaler"
    role, _ = service_role(full_name, "pods.eks", (), opts)
    allowed = aws.iam.RolePolicy(
        full_name,
        role=role.name,
        policy=pulumi.Output.from_input(cluster.name).apply(_policy),
        opts=opts,
    )
    association = aws.eks.PodIdentityAssociation(
        full_name,
        cluster_name=cluster.name,
        namespace=NAMESPACE,
        service_account=CHART.name,
        role_arn=role.arn,
        opts=opts,
    )
    values = {
        "fullnameOverride": CHART.name,
        "cloudProvider": "aws",
        "awsRegion": region,
        "autoDiscovery": {"clusterName": cluster.name},
        "rbac": {"serviceAccount": {"name": CHART.name}},
    }
    # A pod gets its role when it starts, so the role must exist before it.
    after = pulumi.ResourceOptions(depends_on=[allowed, association, *cluster.nodes])
    return CHART.release(name, NAMESPACE, values, pulumi.ResourceOptions.merge(opts, after))


def _policy(cluster: str) -> str:
    own = {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}}
    statements = [
        {"Effect": "Allow", "Action": MAY_READ, "Resource": "*"},
        {"Effect": "Allow", "Action": MAY_RESIZE, "Resource": "*", "Condition": own},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
