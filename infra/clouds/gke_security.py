"""Who reaches a created GKE cluster and its nodes, and how both are protected."""

from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp
from pulumi_gcp import container
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import ClusterRoleBinding, RoleRefArgs, SubjectArgs

from infra.labels import PART_OF
from infra.settings.cloud import NewCluster

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
"""All scopes, as Google recommends: the roles of the node's service account limit what a node may do."""

LOGS = ("SYSTEM_COMPONENTS", "WORKLOADS")
"""What GKE logs by default."""

CONTROL_PLANE_LOGS = ("APISERVER", "SCHEDULER", "CONTROLLER_MANAGER")
"""https://cloud.google.com/kubernetes-engine/docs/how-to/view-logs#control_plane_logs"""

VIEWER_ROLE = "roles/container.clusterViewer"
"""Getting a kubeconfig. What an administrator does in the cluster is allowed by the cluster itself."""

GKE_METADATA = container.NodePoolNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA")
"""Pods are given their own accounts, and not that of their node."""

SUBJECTS = {"user": "User", "serviceAccount": "User", "group": "Group"}


def node_config(
    machine_type: str, account: pulumi.Input[str | None], new: NewCluster
) -> container.NodePoolNodeConfigArgs:
    """Return the configuration of nodes: a hardened start, and no credentials of the node for pods."""
    return container.NodePoolNodeConfigArgs(
        machine_type=machine_type,
        oauth_scopes=SCOPES,
        service_account=account,
        boot_disk_kms_key=new.encryption_key,
        resource_labels=labels(new),
        shielded_instance_config=container.NodePoolNodeConfigShieldedInstanceConfigArgs(
            enable_secure_boot=True, enable_integrity_monitoring=True
        ),
        workload_metadata_config=GKE_METADATA,
    )


def first_node_config(account: pulumi.Input[str | None]) -> container.ClusterNodeConfigArgs:
    """Return the configuration of the node that GKE creates with a cluster, and that is removed at once.

    Without an account it would run as the project's default account, which some organisations disable.
    """
    return container.ClusterNodeConfigArgs(
        oauth_scopes=SCOPES,
        service_account=account,
        shielded_instance_config=container.ClusterNodeConfigShieldedInstanceConfigArgs(
            enable_secure_boot=True, enable_integrity_monitoring=True
        ),
        workload_metadata_config=container.ClusterNodeConfigWorkloadMetadataConfigArgs(mode="GKE_METADATA"),
    )


def management() -> container.NodePoolManagementArgs:
    """Return that nodes are repaired and upgraded, as a release channel asks for."""
    return container.NodePoolManagementArgs(auto_repair=True, auto_upgrade=True)


def labels(new: NewCluster) -> dict[str, str]:
    """Return the labels of the cluster and its nodes, for bills and searches."""
    return {"slipway-stack": f"{pulumi.get_project()}-{pulumi.get_stack()}", **new.tags}


def logging(new: NewCluster) -> container.ClusterLoggingConfigArgs:
    """Return what GKE logs."""
    return container.ClusterLoggingConfigArgs(
        enable_components=[*LOGS, *(CONTROL_PLANE_LOGS if new.control_plane_logs else ())]
    )


def private_config(new: NewCluster) -> container.ClusterPrivateClusterConfigArgs | None:
    """Return which addresses are private; None if none is."""
    if not (new.private_nodes or new.private_endpoint):
        return None
    return container.ClusterPrivateClusterConfigArgs(
        enable_private_nodes=new.private_nodes, enable_private_endpoint=new.private_endpoint
    )


def authorized_networks(new: NewCluster) -> container.ClusterMasterAuthorizedNetworksConfigArgs | None:
    """Return who reaches the Kubernetes API; None if every network does."""
    if not (new.api_ranges or new.private_endpoint):
        return None
    return container.ClusterMasterAuthorizedNetworksConfigArgs(
        cidr_blocks=[
            container.ClusterMasterAuthorizedNetworksConfigCidrBlockArgs(cidr_block=block)
            for block in new.api_ranges
        ]
    )


def encryption(new: NewCluster) -> container.ClusterDatabaseEncryptionArgs | None:
    """Return how Secrets are encrypted with a key of one's own; None if GKE alone encrypts them."""
    if new.encryption_key is None:
        return None
    return container.ClusterDatabaseEncryptionArgs(state="ENCRYPTED", key_name=new.encryption_key)


def groups(new: NewCluster) -> container.ClusterAuthenticatorGroupsConfigArgs | None:
    """Return the group of Google's directory that holds the administrators' groups; None if there are none.

    https://cloud.google.com/kubernetes-engine/docs/how-to/google-groups-rbac
    """
    domains = {member.partition("@")[2] for member in new.admins if member.startswith("group:")}
    if not domains:
        return None
    return container.ClusterAuthenticatorGroupsConfigArgs(
        security_group=f"gke-security-groups@{min(domains)}"
    )


def admit(name: str, project: str, admins: Sequence[str], opts: pulumi.ResourceOptions) -> None:
    """Allow administrators to find the cluster. They may do nothing in it before `bind` allows it."""
    for index, member in enumerate(admins):
        gcp.projects.IAMMember(
            f"{name}-admin-{index}", project=project, role=VIEWER_ROLE, member=member, opts=opts
        )


def bind(name: str, admins: Sequence[str], opts: pulumi.ResourceOptions) -> None:
    """Make administrators those of this cluster alone, by Kubernetes' own rights."""
    if not admins:
        return
    subjects: list[SubjectArgs] = []
    for member in admins:
        kind, _, email = member.partition(":")
        subjects.append(SubjectArgs(api_group="rbac.authorization.k8s.io", kind=SUBJECTS[kind], name=email))
    ClusterRoleBinding(
        f"{name}-admins",
        metadata=ObjectMetaArgs(name="slipway-admins", labels=dict(PART_OF)),
        role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="cluster-admin"),
        subjects=subjects,
        opts=opts,
    )
