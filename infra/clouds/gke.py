"""Clusters of Google Kubernetes Engine. Its plugin `gke-gcloud-auth-plugin` must be on PATH."""

import pulumi
import pulumi_gcp as gcp

from infra.clouds.cluster import GkeCluster, kubeconfig
from infra.clouds.sdk import configured

MACHINE_TYPE = "e2-standard-2"
MAX_NODES = 4

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
"""All, as Google recommends: what a node may do is its service account's to say."""


def find(name: str) -> GkeCluster:
    """Find a cluster in `gcp:zone`, or `gcp:region` for a regional one.

    Raises:
        pulumi.RunError: neither is set.

    """
    location = _location()
    cluster = gcp.container.get_cluster_output(name=name, location=location)
    return GkeCluster(
        name=name,
        kubeconfig=_kubeconfig(
            pulumi.Output.from_input(name),
            cluster.endpoint,
            cluster.master_auths[0].cluster_ca_certificate,
        ),
        identifier=cluster.self_link,
        location=location,
    )


def make(name: str, opts: pulumi.ResourceOptions) -> GkeCluster:
    """Make a small cluster in `gcp:zone`, or `gcp:region`, of `gcp:project`.

    Its data plane enforces network policies, and a pod is a workload identity, not its node's account.

    Raises:
        pulumi.RunError: one of them is not set.

    """
    location = _location()
    project = configured("gcp:project", gcp.config.project, "my-project")
    cluster = gcp.container.Cluster(
        name,
        location=location,
        # The default pool can't be changed without its cluster, so it gives way to one that can.
        remove_default_node_pool=True,
        initial_node_count=1,
        release_channel=gcp.container.ClusterReleaseChannelArgs(channel="REGULAR"),
        datapath_provider="ADVANCED_DATAPATH",
        workload_identity_config=gcp.container.ClusterWorkloadIdentityConfigArgs(
            workload_pool=f"{project}.svc.id.goog"
        ),
        # What `pulumi destroy` shows and asks about is protection enough.
        deletion_protection=False,
        opts=opts,
    )
    nodes = gcp.container.NodePool(
        f"{name}-nodes",
        cluster=cluster.name,
        location=location,
        initial_node_count=1,
        autoscaling=gcp.container.NodePoolAutoscalingArgs(
            total_min_node_count=1, total_max_node_count=MAX_NODES
        ),
        node_config=gcp.container.NodePoolNodeConfigArgs(machine_type=MACHINE_TYPE, oauth_scopes=SCOPES),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["initialNodeCount"])),
    )
    return GkeCluster(
        name=cluster.name,
        kubeconfig=_kubeconfig(cluster.name, cluster.endpoint, cluster.master_auth.cluster_ca_certificate),
        identifier=cluster.self_link,
        location=location,
        nodes=(nodes,),
    )


def _location() -> str:
    return configured("gcp:zone", gcp.config.zone or gcp.config.region, "europe-west4-a")


def _kubeconfig(
    name: pulumi.Output[str], endpoint: pulumi.Output[str], authority: pulumi.Output[str | None]
) -> pulumi.Output[str]:
    text = pulumi.Output.all(name, endpoint, authority).apply(
        lambda known: kubeconfig(known[0], f"https://{known[1]}", known[2], "gke-gcloud-auth-plugin")
    )
    return pulumi.Output.secret(text)
