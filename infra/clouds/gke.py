"""Google Kubernetes Engine (GKE). The plugin `gke-gcloud-auth-plugin` must be on PATH."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import pulumi
import pulumi_gcp as gcp
from pulumi_gcp.container import outputs

from infra.clouds import gke_gpus
from infra.clouds.cluster import CloudCluster, GpuNodes, Pulls, kubeconfig
from infra.clouds.gke_accounts import allow_project, allow_repository, node_account
from infra.clouds.gke_security import (
    GKE_METADATA,
    SCOPES,
    admit,
    authorized_networks,
    bind,
    encryption,
    first_node_config,
    groups,
    labels,
    logging,
    management,
    node_config,
    private_config,
)
from infra.sdk import configured
from infra.settings.cloud import NewCluster

MACHINE_TYPE = "e2-standard-2"
MAX_NODES = 4

GPU_DRIVER_VERSION = "LATEST"
"""NVIDIA's driver that GKE installs. The images hold CUDA 13, which needs series 580. DEFAULT may be older:
https://cloud.google.com/kubernetes-engine/docs/how-to/gpus#installing_drivers."""

TAINT_EFFECTS = {"NoSchedule": "NO_SCHEDULE"}


@dataclass(frozen=True, kw_only=True)
class GkeCluster(CloudCluster):
    """A cluster of Google Kubernetes Engine."""

    location: str
    """Its zone, or its region."""

    is_autopilot: pulumi.Input[bool | None]
    """Whether Google alone creates its nodes."""

    account: pulumi.Input[str | None]
    """E-mail address of the account that its nodes run as. None means the project's default account."""

    @classmethod
    def find(cls, name: str) -> Self:
        """Look up a cluster in `gcp:zone`, or in `gcp:region` if it is a regional one.

        Raises:
            pulumi.RunError: Neither of them is set.

        """
        location = _location()
        cluster = gcp.container.get_cluster_output(name=name, location=location)
        authority = cluster.master_auths[0].cluster_ca_certificate
        return cls(
            name=name,
            is_autopilot=cluster.enable_autopilot,
            kubeconfig=_kubeconfig(pulumi.Output.from_input(name), cluster.endpoint, authority),
            identifier=cluster.self_link,
            location=location,
            account=cluster.node_pools.apply(_account_of),
        )

    @classmethod
    def create(cls, name: str, new: NewCluster, opts: pulumi.ResourceOptions) -> Self:
        """Declare a small cluster in `gcp:zone`, or `gcp:region`, of `gcp:project`.

        It enforces network policies, its pods have accounts of their own (Workload Identity), and its nodes
        start only what Google has signed (Secure Boot).

        Raises:
            pulumi.RunError: The project or the location is not set.

        """
        location = _location()
        project = configured("gcp:project", gcp.config.project, "my-project")
        account, grant = node_account(f"{name}-nodes", project, opts)
        admit(name, project, new.admins, opts)
        cluster = gcp.container.Cluster(
            name,
            location=location,
            network=new.network,
            subnetwork=new.subnets[0] if new.subnets else None,
            private_cluster_config=private_config(new),
            master_authorized_networks_config=authorized_networks(new),
            # The default pool cannot be changed without replacing the cluster, so a pool of its own replaces
            # it.
            remove_default_node_pool=True,
            initial_node_count=1,
            node_config=first_node_config(account),
            min_master_version=new.version,
            release_channel=gcp.container.ClusterReleaseChannelArgs(channel=new.upgrade_channel.upper()),
            datapath_provider="ADVANCED_DATAPATH",
            enable_intranode_visibility=True,
            enable_shielded_nodes=True,
            workload_identity_config=gcp.container.ClusterWorkloadIdentityConfigArgs(
                workload_pool=f"{project}.svc.id.goog"
            ),
            authenticator_groups_config=groups(new),
            database_encryption=encryption(new),
            logging_config=logging(new),
            resource_labels=labels(new),
            deletion_protection=new.deletion_protection,
            opts=pulumi.ResourceOptions.merge(
                opts,
                # The first node is gone, and another configuration of it would replace the cluster.
                pulumi.ResourceOptions(depends_on=[grant], ignore_changes=["nodeConfig"]),
            ),
        )
        nodes = gcp.container.NodePool(
            f"{name}-nodes",
            cluster=cluster.name,
            location=location,
            initial_node_count=1,
            autoscaling=gcp.container.NodePoolAutoscalingArgs(
                total_min_node_count=1, total_max_node_count=MAX_NODES
            ),
            management=management(),
            node_config=node_config(MACHINE_TYPE, account, new),
            opts=pulumi.ResourceOptions.merge(
                _without_initial_count(opts), pulumi.ResourceOptions(depends_on=[grant])
            ),
        )
        return cls(
            name=cluster.name,
            is_autopilot=False,
            kubeconfig=_kubeconfig(
                cluster.name, cluster.endpoint, cluster.master_auth.cluster_ca_certificate
            ),
            identifier=cluster.self_link,
            location=location,
            account=account,
            nodes=(nodes,),
            new=new,
        )

    def add_ons(self, name: str, opts: pulumi.ResourceOptions) -> None:
        """Declare the rights of the administrators in the cluster."""
        bind(name, self.new.admins if self.new else (), opts)

    def allow_pulls(self, name: str, pulls: Pulls, opts: pulumi.ResourceOptions) -> None:
        """Allow the nodes to pull from a repository of Artifact Registry, or from the registry before it."""
        if self.account is None:
            return
        registry = pulls.registry
        project, *rest = registry.prefix.removeprefix(f"{registry.host}/").split("/")
        if location := registry.host_parts.get("location"):
            allow_repository(name, self.account, project, location, rest[0], opts)
        elif registry.host.endswith("gcr.io"):
            allow_project(name, self.account, project, opts)

    def before_monitoring(self) -> None:
        """Warn if the cluster is an Autopilot cluster.

        https://cloud.google.com/kubernetes-engine/docs/concepts/autopilot-security
        """
        pulumi.Output.all(self.is_autopilot, self.name).apply(lambda known: _warn_of_autopilot(*known))

    def gpu_nodes(self, name: str, nodes: GpuNodes, opts: pulumi.ResourceOptions) -> None:
        """Declare a pool of GPU nodes: https://cloud.google.com/kubernetes-engine/docs/how-to/gpus.

        Raises:
            pulumi.RunError: The cluster is a regional one, and no zones are given; or an Autopilot cluster.

        """
        machine_type = nodes.machine_type or gke_gpus.MACHINE_TYPE
        gpu = nodes.accelerator or gke_gpus.ACCELERATORS[machine_type]
        if _is_region(self.location) and not nodes.zones:
            raise pulumi.RunError(
                f"gpuZones: '': the zones of {self.location} that have {gpu}, for the cluster has nodes in "
                f"several zones: `gcloud compute accelerator-types list --filter=name={gpu}` lists them"
            )
        driver = gcp.container.NodePoolNodeConfigGuestAcceleratorGpuDriverInstallationConfigArgs(
            gpu_driver_version=GPU_DRIVER_VERSION
        )
        accelerator = gcp.container.NodePoolNodeConfigGuestAcceleratorArgs(
            type=gpu, count=1, gpu_driver_installation_config=driver
        )
        gcp.container.NodePool(
            name,
            cluster=pulumi.Output.from_input(self.is_autopilot).apply(self._with_node_pools),
            location=self.location,
            node_locations=[*nodes.zones] or None,
            initial_node_count=nodes.min_nodes,
            # The totals count the nodes of all zones of a regional cluster.
            autoscaling=gcp.container.NodePoolAutoscalingArgs(
                total_min_node_count=nodes.min_nodes,
                total_max_node_count=nodes.max_nodes,
                # Use any zone that has a machine to spare: GPUs are scarce.
                location_policy="ANY",
            ),
            management=management(),
            node_config=gcp.container.NodePoolNodeConfigArgs(
                machine_type=machine_type,
                spot=nodes.is_spot,
                oauth_scopes=SCOPES,
                service_account=self.account,
                guest_accelerators=[accelerator],
                boot_disk_kms_key=self.new.encryption_key if self.new else None,
                resource_labels=labels(self.new) if self.new else None,
                workload_metadata_config=GKE_METADATA if self.new else None,
                labels=dict(nodes.labels),
                taints=[
                    gcp.container.NodePoolNodeConfigTaintArgs(
                        key=taint.key, value=taint.value, effect=TAINT_EFFECTS[taint.effect]
                    )
                    for taint in nodes.taints
                ],
            ),
            opts=_without_initial_count(opts),
        )

    def _with_node_pools(self, is_autopilot: bool | None) -> pulumi.Input[str]:
        """Return the cluster's name, if pools of nodes can be created in it."""
        if is_autopilot:
            raise pulumi.RunError(
                f"device: 'gpu': {self.name} is an Autopilot cluster, in which no pool of GPU nodes can be "
                "created: set clusterName to a Standard cluster, or device to cpu"
            )
        return self.name


def _warn_of_autopilot(is_autopilot: bool | None, name: str) -> None:
    if is_autopilot:
        pulumi.log.warn(
            f"monitoring: 'install': {name} is an Autopilot cluster, which refuses pods with access to nodes "
            "and objects in kube-system: kube-prometheus-stack does not install there. Set clusterName to a "
            "Standard cluster, or monitoring to existing"
        )


def _without_initial_count(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Ignore changes of the initial count: they would replace the pool. The autoscaler sets the count."""
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["initialNodeCount"]))


def _account_of(pools: Sequence[outputs.GetClusterNodePoolResult] | None) -> str | None:
    """Return the account of the nodes of a cluster's first pool."""
    return pools[0].node_configs[0].service_account if pools and pools[0].node_configs else None


def _is_region(location: str) -> bool:
    """Return whether a location is a region, `europe-west4`, and not a zone, `europe-west4-a`."""
    return location.count("-") == 1


def _location() -> str:
    return configured("gcp:zone", gcp.config.zone or gcp.config.region, "europe-west4-a")


def _kubeconfig(
    name: pulumi.Output[str], endpoint: pulumi.Output[str], authority: pulumi.Output[str | None]
) -> pulumi.Output[str]:
    text = pulumi.Output.all(name, endpoint, authority).apply(
        lambda known: kubeconfig(known[0], f"https://{known[1]}", known[2], "gke-gcloud-auth-plugin")
    )
    return pulumi.Output.secret(text)
