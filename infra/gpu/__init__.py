"""Nodes with GPUs, for the pods of a stack whose device is gpu."""

from collections.abc import Sequence

import pulumi

from infra.clouds.cluster import AksCluster, CloudCluster, EksCluster, GkeCluster
from infra.cluster import Cluster
from infra.gpu.charts import dcgm_exporter, device_plugin
from infra.gpu.pool import GpuNodePoolArgs
from infra.settings import Settings

NAME = "gpu"


def gpu_node_pool(
    settings: Settings, cluster: Cluster, monitoring: Sequence[pulumi.Resource] = ()
) -> "GpuNodePool | None":
    """Declare a pool of nodes with GPUs in a cloud's cluster.

    Args:
        settings: Whether and how.
        cluster: Where.
        monitoring: What must be there before the GPUs' metrics are exported: who defines ServiceMonitors.

    Returns:
        None where no pod needs a GPU, or the cluster is no cloud's that is spoken to: its nodes are there.

    """
    if settings.device != "gpu" or cluster.cloud is None:
        return None
    opts = pulumi.ResourceOptions(providers=[cluster.provider])
    return GpuNodePool(NAME, GpuNodePoolArgs.of(settings), cluster.cloud, monitoring, opts)


class GpuNodePool(pulumi.ComponentResource):
    """Autoscaled nodes with GPUs, tainted for the pods that want one, and what NVIDIA runs on them."""

    def __init__(
        self,
        name: str,
        args: GpuNodePoolArgs,
        cluster: CloudCluster,
        monitoring: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("slipway:infra:GpuNodePool", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        match cluster:
            case GkeCluster():
                from infra.gpu import gke

                gke.node_pool(name, args, cluster, child)
            case EksCluster():
                from infra.gpu import eks

                eks.node_pool(name, args, cluster, child)
            case AksCluster():
                from infra.gpu import aks

                aks.node_pool(name, args, cluster, child)
            case _:
                raise TypeError(f"{type(cluster).__name__} is no cluster of a cloud that has pools")
        if not isinstance(cluster, GkeCluster):
            device_plugin(name, args, child)
        if args.is_monitored:
            after = pulumi.ResourceOptions(depends_on=[*monitoring])
            dcgm_exporter(
                name,
                args,
                pulumi.ResourceOptions.merge(child, after),
                is_gke=isinstance(cluster, GkeCluster),
            )
        self.register_outputs({})
