"""Azure Kubernetes Service (AKS)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native import containerservice, resources
from pulumi_azure_native.containerservice import outputs

from infra.clouds import CLOUDS
from infra.clouds.aks_registry import allow_pulls
from infra.clouds.aks_security import (
    administrators,
    api_access,
    keep_logs,
    tags,
    tier,
    upgrades,
    with_kubelogin,
)
from infra.clouds.cluster import CloudCluster, GpuNodes, Pulls
from infra.sdk import configured
from infra.settings.cloud import NewCluster

VM_SIZE = "Standard_D4s_v5"
MIN_NODES = 2
"""AKS asks for two nodes with four virtual CPUs each where its own pods run:
https://learn.microsoft.com/azure/aks/use-system-pools."""

MAX_NODES = 4

GPU_VM_SIZE = "Standard_NC4as_T4_v3"
"""A machine with one NVIDIA T4."""


@dataclass(frozen=True, kw_only=True)
class AksCluster(CloudCluster):
    """A cluster of Azure Kubernetes Service."""

    resource_group: pulumi.Input[str]
    kubelets: pulumi.Output[str] | None = None
    """Object identifier of the identity that pulls images. None for a cluster that existed before."""

    @classmethod
    def find(cls, name: str) -> Self:
        """Look up a cluster by `RESOURCE_GROUP/NAME`."""
        group, _, cluster = name.partition("/")
        return cls._of(group, cluster, identifier=name)

    @classmethod
    def create(cls, name: str, new: NewCluster, opts: pulumi.ResourceOptions) -> Self:
        """Declare a small cluster in `azure-native:location`, in a resource group of its own.

        It enforces network policies, and its pods can have accounts of their own (Workload Identity).

        Raises:
            pulumi.RunError: The location is not set.

        """
        location = configured("azure-native:location", azure.config.location, "westeurope")
        # Azure itself protects no cluster from deletion, so the engine does.
        protected = pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(protect=new.deletion_protection)
        )
        group = resources.ResourceGroup(name, location=location, tags=tags(new), opts=protected)
        cluster = containerservice.ManagedCluster(
            name,
            resource_group_name=group.name,
            location=location,
            dns_prefix=f"{pulumi.get_project()}-{pulumi.get_stack()}",
            kubernetes_version=new.version,
            sku=tier(new),
            auto_upgrade_profile=upgrades(new),
            api_server_access_profile=api_access(new),
            aad_profile=administrators(new),
            # They would pass by the groups of administrators.
            disable_local_accounts=bool(new.admins),
            disk_encryption_set_id=new.encryption_key,
            tags=tags(new),
            identity=containerservice.ManagedClusterIdentityArgs(
                type=containerservice.ResourceIdentityType.SYSTEM_ASSIGNED
            ),
            agent_pool_profiles=[_system_pool(new)],
            # Explicit, because it cannot be changed later.
            enable_rbac=True,
            network_profile=containerservice.ContainerServiceNetworkProfileArgs(
                network_plugin=containerservice.NetworkPlugin.AZURE,
                network_plugin_mode=containerservice.NetworkPluginMode.OVERLAY,
                network_dataplane=containerservice.NetworkDataplane.CILIUM,
                network_policy=containerservice.NetworkPolicy.CILIUM,
            ),
            oidc_issuer_profile=containerservice.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
            security_profile=containerservice.ManagedClusterSecurityProfileArgs(
                workload_identity=containerservice.ManagedClusterSecurityProfileWorkloadIdentityArgs(
                    enabled=True
                )
            ),
            opts=pulumi.ResourceOptions.merge(
                protected,
                # The autoscaler sets the number of nodes, and a separate GPU pool must not be removed.
                pulumi.ResourceOptions(ignore_changes=["agentPoolProfiles"]),
            ),
        )
        if new.control_plane_logs:
            keep_logs(name, group.name, location, cluster.id, tags(new), opts)
        created = cls._of(group.name, cluster.name, identifier=cluster.id, nodes=(cluster,))
        kubeconfig = created.kubeconfig.apply(with_kubelogin) if new.admins else created.kubeconfig
        return replace(
            created,
            new=new,
            kubeconfig=kubeconfig,
            kubelets=cluster.identity_profile.apply(_kubelets),
        )

    def allow_pulls(self, name: str, pulls: Pulls, opts: pulumi.ResourceOptions) -> None:
        """Allow the nodes to pull from a registry of Azure."""
        registry = pulls.registry.host_parts.get("registry")
        if registry and pulls.resource_group and self.kubelets is not None:
            allow_pulls(name, self.kubelets, pulls.resource_group, registry, opts)

    def gpu_nodes(self, name: str, nodes: GpuNodes, opts: pulumi.ResourceOptions) -> None:
        """Declare a pool of GPU nodes: https://learn.microsoft.com/azure/aks/use-nvidia-gpu."""
        priority, new = containerservice.ScaleSetPriority, self.new or NewCluster()
        containerservice.AgentPool(
            name,
            agent_pool_name=name,
            resource_group_name=self.resource_group,
            resource_name_=self.name,
            mode=containerservice.AgentPoolMode.USER,
            type=containerservice.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
            os_type=containerservice.OSType.LINUX,
            vm_size=nodes.machine_type or GPU_VM_SIZE,
            gpu_profile=containerservice.GPUProfileArgs(driver=containerservice.GPUDriver.INSTALL),
            enable_auto_scaling=True,
            count=nodes.min_nodes,
            min_count=nodes.min_nodes,
            max_count=nodes.max_nodes,
            vnet_subnet_id=new.subnets[0] if new.subnets else None,
            enable_encryption_at_host=new.host_encryption or None,
            tags=tags(new) if self.new else None,
            scale_set_priority=priority.SPOT if nodes.is_spot else priority.REGULAR,
            scale_set_eviction_policy=containerservice.ScaleSetEvictionPolicy.DELETE
            if nodes.is_spot
            else None,
            # -1 means up to the price of an on-demand machine.
            spot_max_price=-1 if nodes.is_spot else None,
            node_labels={**nodes.labels, **(_spot_labels() if nodes.is_spot else {})},
            node_taints=[f"{taint.key}={taint.value}:{taint.effect}" for taint in nodes.taints],
            # The autoscaler sets the number of nodes.
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["count"])),
        )

    @classmethod
    def _of(
        cls,
        group: pulumi.Input[str],
        name: pulumi.Input[str],
        identifier: pulumi.Input[str],
        nodes: tuple[pulumi.Resource, ...] = (),
    ) -> Self:
        credentials = containerservice.list_managed_cluster_user_credentials_output(
            resource_group_name=group, resource_name=name
        )
        text = credentials.kubeconfigs[0].value.apply(lambda encoded: base64.b64decode(encoded).decode())
        return cls(
            name=name,
            kubeconfig=pulumi.Output.secret(text),
            identifier=identifier,
            nodes=nodes,
            resource_group=group,
        )


def _kubelets(profile: Mapping[str, outputs.UserAssignedIdentityManagedClusterResponse] | None) -> str:
    """Return the object identifier of the identity of a cluster's kubelets, which AKS creates."""
    identity = (profile or {}).get("kubeletidentity")
    if identity is None or identity.object_id is None:
        raise pulumi.RunError(
            "AKS has named no identity of the kubelets, which must be allowed to pull images"
        )
    return identity.object_id


def _system_pool(new: NewCluster) -> containerservice.ManagedClusterAgentPoolProfileArgs:
    return containerservice.ManagedClusterAgentPoolProfileArgs(
        name="system",
        mode=containerservice.AgentPoolMode.SYSTEM,
        type=containerservice.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
        os_type=containerservice.OSType.LINUX,
        vm_size=VM_SIZE,
        enable_auto_scaling=True,
        count=MIN_NODES,
        min_count=MIN_NODES,
        max_count=MAX_NODES,
        vnet_subnet_id=new.subnets[0] if new.subnets else None,
        enable_encryption_at_host=new.host_encryption or None,
        tags=tags(new),
    )


def _spot_labels() -> dict[str, str]:
    """Return the labels that AKS itself gives to spot nodes: they have the key and value of its taint."""
    gpu = CLOUDS["aks"].gpu
    return {gpu.spot_taint.key: gpu.spot_taint.value} if gpu and gpu.spot_taint else {}
