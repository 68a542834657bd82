"""Who reaches a created AKS cluster, how it is upgraded, and where the logs of its control plane are kept."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import yaml
from pulumi_azure_native import containerservice, monitor, operationalinsights

from infra.settings.cloud import NewCluster, UpgradeChannel

UPGRADES: Mapping[UpgradeChannel, containerservice.UpgradeChannel] = {
    "rapid": containerservice.UpgradeChannel.RAPID,
    "regular": containerservice.UpgradeChannel.STABLE,
    "stable": containerservice.UpgradeChannel.PATCH,
}
"""The newest version; the one before it; patches alone:
https://learn.microsoft.com/azure/aks/auto-upgrade-cluster."""

LOGS = ("kube-apiserver", "kube-audit-admin", "kube-controller-manager", "kube-scheduler", "guard")
"""https://learn.microsoft.com/azure/aks/monitor-aks-reference#resource-logs"""

LOG_DAYS = 90

KUBELOGIN = (
    "get-token",
    "--login",
    "azurecli",
    "--server-id",
    # The application of AKS in Entra ID, the same for every cluster.
    "6dae42f8-4368-4678-94ff-3960e28e3630",
)
"""https://azure.github.io/kubelogin/concepts/aks.html"""


def tags(new: NewCluster) -> dict[str, str]:
    """Return the tags of the cluster and its nodes, for bills and searches."""
    return {"slipway-stack": f"{pulumi.get_project()}-{pulumi.get_stack()}", **new.tags}


def api_access(new: NewCluster) -> containerservice.ManagedClusterAPIServerAccessProfileArgs | None:
    """Return who reaches the Kubernetes API; None if every network does."""
    if not (new.api_ranges or new.private_endpoint):
        return None
    return containerservice.ManagedClusterAPIServerAccessProfileArgs(
        authorized_ip_ranges=[*new.api_ranges] or None, enable_private_cluster=new.private_endpoint or None
    )


def administrators(new: NewCluster) -> containerservice.ManagedClusterAADProfileArgs | None:
    """Return the groups of Entra ID that administer the cluster; None if its own accounts alone do."""
    if not new.admins:
        return None
    return containerservice.ManagedClusterAADProfileArgs(managed=True, admin_group_object_ids=[*new.admins])


def upgrades(new: NewCluster) -> containerservice.ManagedClusterAutoUpgradeProfileArgs:
    """Return how the cluster and the images of its nodes are upgraded."""
    return containerservice.ManagedClusterAutoUpgradeProfileArgs(
        upgrade_channel=UPGRADES[new.upgrade_channel],
        node_os_upgrade_channel=containerservice.NodeOSUpgradeChannel.NODE_IMAGE,
    )


def tier(new: NewCluster) -> containerservice.ManagedClusterSKUArgs:
    """Return the tier of the control plane."""
    tiers = containerservice.ManagedClusterSKUTier
    return containerservice.ManagedClusterSKUArgs(
        name=containerservice.ManagedClusterSKUName.BASE,
        tier=tiers.STANDARD if new.uptime_sla else tiers.FREE,
    )


def keep_logs(
    name: str,
    group: pulumi.Input[str],
    location: str,
    cluster: pulumi.Input[str],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare where the logs of the control plane are kept.

    Args:
        name: Resource name of the cluster.
        group: Name of the resource group.
        location: Location of the cluster.
        cluster: Identifier of the cluster.
        tags: Tags of the workspace.
        opts: Options of every resource.

    """
    workspace = operationalinsights.Workspace(
        f"{name}-logs",
        resource_group_name=group,
        location=location,
        retention_in_days=LOG_DAYS,
        sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
        tags=dict(tags),
        opts=opts,
    )
    monitor.DiagnosticSetting(
        f"{name}-logs",
        resource_uri=cluster,
        workspace_id=workspace.id,
        logs=[monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in LOGS],
        opts=opts,
    )


def with_kubelogin(text: str) -> str:
    """Return a kubeconfig whose credentials come from kubelogin with the login of the Azure CLI.

    Azure's own asks a person for a code in a browser.
    """
    config: dict[str, Any] = yaml.safe_load(text)
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "kubelogin"}
    for user in config.get("users", []):
        user["user"] = {"exec": {**command, "args": [*KUBELOGIN], "provideClusterInfo": False}}
    return json.dumps(config)
