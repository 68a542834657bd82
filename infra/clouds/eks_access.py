"""Who administers a created EKS cluster, and how its Secrets and logs are kept."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.settings.cloud import NewCluster

ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
"""https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html"""

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html"""

LOG_DAYS = 365


def admit(name: str, cluster: pulumi.Input[str], admins: Sequence[str], opts: pulumi.ResourceOptions) -> None:
    """Make IAM roles and users administrators of a cluster.

    Args:
        name: Resource name of the cluster.
        cluster: Name of the cluster.
        admins: Their ARNs.
        opts: Options of every resource.

    """
    for index, principal in enumerate(admins):
        entry = aws.eks.AccessEntry(
            f"{name}-admin-{index}", cluster_name=cluster, principal_arn=principal, opts=opts
        )
        aws.eks.AccessPolicyAssociation(
            f"{name}-admin-{index}",
            cluster_name=cluster,
            principal_arn=principal,
            policy_arn=ADMIN_POLICY,
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[entry])),
        )


def log_group(
    name: str, cluster: str, new: NewCluster, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Declare where the logs of the control plane are kept, for a year. EKS itself would keep them for ever.

    Args:
        name: Resource name of the cluster.
        cluster: Name of the cluster.
        new: What the cluster has.
        opts: Options of the resource.

    Returns:
        What must exist before the cluster, which would otherwise create it; nothing if there are no logs.

    """
    if not new.control_plane_logs:
        return []
    group = aws.cloudwatch.LogGroup(
        f"{name}-logs", name=f"/aws/eks/{cluster}/cluster", retention_in_days=LOG_DAYS, opts=opts
    )
    return [group]


def encryption(new: NewCluster) -> aws.eks.ClusterEncryptionConfigArgs | None:
    """Return how Secrets are encrypted with a key of one's own; None if EKS alone encrypts them."""
    if new.encryption_key is None:
        return None
    return aws.eks.ClusterEncryptionConfigArgs(
        provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=new.encryption_key),
        resources=["secrets"],
    )
