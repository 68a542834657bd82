"""Volumes of a created EKS cluster: their driver, and the class of those that name none.

EKS itself installs neither: https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html.
"""

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.storage.v1 import StorageClass

from infra.clouds.eks_roles import service_role
from infra.labels import PART_OF

DRIVER = "aws-ebs-csi-driver"
PROVISIONER = "ebs.csi.aws.com"
ACCOUNT = "ebs-csi-controller-sa"
"""The driver's service account, which the add-on creates."""

POLICIES = ("service-role/AmazonEBSCSIDriverPolicy",)
VOLUME_TYPE = "gp3"


def volume_driver(
    name: str, cluster: pulumi.Input[str], nodes: pulumi.Resource, opts: pulumi.ResourceOptions
) -> aws.eks.Addon:
    """Declare the driver that creates EBS volumes, with its role.

    Args:
        name: Resource name of the cluster.
        cluster: Name of the cluster, which has the add-on that gives pods their roles.
        nodes: The nodes that the driver runs on.
        opts: Options of every resource.

    """
    role, attachments = service_role(f"{name}-volumes", "pods.eks", POLICIES, opts)
    return aws.eks.Addon(
        f"{name}-{DRIVER}",
        cluster_name=cluster,
        addon_name=DRIVER,
        pod_identity_associations=[
            aws.eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=ACCOUNT)
        ],
        resolve_conflicts_on_create="OVERWRITE",
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[nodes, *attachments])),
    )


def default_storage_class(name: str, opts: pulumi.ResourceOptions) -> StorageClass:
    """Declare the class of volumes that name none, such as that of Prometheus.

    Args:
        name: Resource name of the cluster.
        opts: Parent, and the Kubernetes provider of the cluster.

    """
    return StorageClass(
        f"{name}-storage-class",
        metadata=ObjectMetaArgs(
            name=VOLUME_TYPE,
            labels=dict(PART_OF),
            annotations={"storageclass.kubernetes.io/is-default-class": "true"},
        ),
        provisioner=PROVISIONER,
        parameters={"type": VOLUME_TYPE, "encrypted": "true"},
        # A volume exists in one zone: it is created in that of its first pod.
        volume_binding_mode="WaitForFirstConsumer",
        allow_volume_expansion=True,
        opts=opts,
    )
