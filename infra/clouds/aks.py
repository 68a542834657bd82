"""Clusters of Azure Kubernetes Service."""

import base64

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native import containerservice, resources

from infra.clouds.cluster import AksCluster
from infra.clouds.sdk import configured

VM_SIZE = "Standard_D2s_v5"
MAX_NODES = 4


def find(name: str) -> AksCluster:
    """Find a cluster by `RESOURCE_GROUP/NAME`."""
    group, _, cluster = name.partition("/")
    return _cluster(group, cluster, identifier=name)


def make(name: str, opts: pulumi.ResourceOptions) -> AksCluster:
    """Make a small cluster, in a resource group of its own, in `azure-native:location`.

    Its data plane enforces network policies, and a pod may be a workload identity.

    Raises:
        pulumi.RunError: the location is not set.

    """
    location = configured("azure-native:location", azure.config.location, "westeurope")
    group = resources.ResourceGroup(name, location=location, opts=opts)
    cluster = containerservice.ManagedCluster(
        name,
        resource_group_name=group.name,
        location=location,
        dns_prefix=f"{pulumi.get_project()}-{pulumi.get_stack()}",
        identity=containerservice.ManagedClusterIdentityArgs(
            type=containerservice.ResourceIdentityType.SYSTEM_ASSIGNED
        ),
        agent_pool_profiles=[
            containerservice.ManagedClusterAgentPoolProfileArgs(
                name="system",
                mode=containerservice.AgentPoolMode.SYSTEM,
                type=containerservice.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
                os_type=containerservice.OSType.LINUX,
                vm_size=VM_SIZE,
                enable_auto_scaling=True,
                count=1,
                min_count=1,
                max_count=MAX_NODES,
            )
        ],
        network_profile=containerservice.ContainerServiceNetworkProfileArgs(
            network_plugin=containerservice.NetworkPlugin.AZURE,
            network_plugin_mode=containerservice.NetworkPluginMode.OVERLAY,
            network_dataplane=containerservice.NetworkDataplane.CILIUM,
            network_policy=containerservice.NetworkPolicy.CILIUM,
        ),
        oidc_issuer_profile=containerservice.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
        security_profile=containerservice.ManagedClusterSecurityProfileArgs(
            workload_identity=containerservice.ManagedClusterSecurityProfileWorkloadIdentityArgs(enabled=True)
        ),
        opts=pulumi.ResourceOptions.merge(
            opts,
            # Their number is the autoscaler's, and a pool beside this one is not to be taken away.
            pulumi.ResourceOptions(ignore_changes=["agentPoolProfiles"]),
        ),
    )
    return _cluster(group.name, cluster.name, identifier=cluster.id, nodes=(cluster,))


def _cluster(
    group: pulumi.Input[str],
    name: pulumi.Input[str],
    identifier: pulumi.Input[str],
    nodes: tuple[pulumi.Resource, ...] = (),
) -> AksCluster:
    access = containerservice.list_managed_cluster_user_credentials_output(
        resource_group_name=group, resource_name=name
    )
    text = access.kubeconfigs[0].value.apply(lambda encoded: base64.b64decode(encoded).decode())
    return AksCluster(
        name=name,
        kubeconfig=pulumi.Output.secret(text),
        identifier=identifier,
        nodes=nodes,
        resource_group=group,
    )
