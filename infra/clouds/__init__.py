"""The clouds whose clusters are used as they are, or made. Only the chosen one's SDK is imported."""

from typing import Literal

import pulumi

from infra.clouds.cluster import CloudCluster
from infra.clouds.sdk import sdk

Cloud = Literal["gke", "eks", "aks"]


def cloud_cluster(
    cloud: Cloud, cluster_name: str | None, name: str, opts: pulumi.ResourceOptions
) -> CloudCluster:
    """Find the cluster of a cloud that has a name, or make a small one.

    Project, region, zone and credentials are the cloud's provider's own: its configuration, `gcp:project`,
    `gcp:zone` or `gcp:region`, `aws:region`, `azure-native:location`, or what it reads from the environment.

    Args:
        cloud: Whose.
        cluster_name: Name of the cluster; in AKS it is `RESOURCE_GROUP/NAME`. None makes one.
        name: Resource name of what is made.
        opts: Options of what is made.

    Raises:
        pulumi.RunError: the SDK is not installed, or a key of the provider's configuration is missing.

    """
    with sdk(cloud):
        match cloud:
            case "gke":
                from infra.clouds.gke import find, make
            case "eks":
                from infra.clouds.eks import find, make
            case "aks":
                from infra.clouds.aks import find, make
    return find(cluster_name) if cluster_name else make(name, opts)
