"""IAM roles of an EKS cluster: of its control plane, its nodes and its autoscaler."""

import json

import pulumi
import pulumi_aws as aws

CLUSTER_POLICIES = ("AmazonEKSClusterPolicy",)

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly")
"""What a node may do: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html."""


def service_role(
    name: str, service: str, policies: tuple[str, ...], opts: pulumi.ResourceOptions
) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
    """Declare a role that a service of AWS may assume.

    Args:
        name: Resource name of the role.
        service: The service's name before `.amazonaws.com`.
        policies: Names of policies that AWS manages, with their path if they have one.
        opts: Options of every resource.

    Returns:
        The role, and the attachments of its policies. The role has its rights only after they are created.

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
    attachments: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy.rpartition('/')[2]}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in policies
    ]
    return role, attachments
