"""A pool of GPU nodes in the cluster of a cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from infra.clouds import CLOUDS, GpuSupport
from infra.clouds.cluster import CloudCluster, GpuNodes
from infra.gpu.charts import dcgm_exporter, device_plugin
from infra.gpu.nodes import LABELS, taints
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class GpuNodePoolArgs:
    """The cluster, the nodes, and what is installed on them."""

    cluster: CloudCluster
    nodes: GpuNodes
    support: GpuSupport
    """What the cloud installs itself, from its row in `infra.clouds.CLOUDS`."""

    monitoring_namespace: str | None
    """Namespace of the exporter of GPU metrics. None installs no exporter."""

    monitoring_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Labels by which a Prometheus selects the exporter's ServiceMonitor."""

    monitoring: Sequence[pulumi.Resource] = ()
    """Resources that define the kind ServiceMonitor, which the exporter declares."""

    @classmethod
    def of(
        cls, settings: Settings, cluster: CloudCluster, monitoring: Sequence[pulumi.Resource]
    ) -> "GpuNodePoolArgs":
        """Take from the settings what concerns GPU nodes.

        Raises:
            pulumi.RunError: `cluster` names no cloud that GPU nodes can be created in.

        """
        support = CLOUDS[settings.cluster_cloud].gpu if settings.cluster_cloud else None
        if support is None:
            raise pulumi.RunError(
                f"device: 'gpu': no GPU nodes can be created with cluster {settings.cluster}"
            )
        nodes = GpuNodes(
            machine_type=settings.gpu_machine_type,
            accelerator=settings.gpu_accelerator,
            zones=settings.gpu_zones,
            min_nodes=settings.gpu_min_nodes,
            max_nodes=settings.gpu_max_nodes,
            is_spot=settings.gpu_spot,
            labels=LABELS,
            taints=taints(settings),
        )
        return cls(
            cluster=cluster,
            nodes=nodes,
            support=support,
            monitoring_namespace=settings.monitoring_namespace if settings.is_monitored else None,
            monitoring_labels=settings.monitoring_labels,
            monitoring=monitoring,
        )


class GpuNodePool(pulumi.ComponentResource):
    """Autoscaled GPU nodes, with NVIDIA's device plugin and the exporter of GPU metrics.

    The nodes are tainted, so that only pods that tolerate the taints run there.

    """

    def __init__(self, name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:GpuNodePool", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        args.cluster.gpu_nodes(name, args.nodes, child)
        if not args.support.has_device_plugin:
            device_plugin(name, args.nodes.taints, child)
        if args.monitoring_namespace:
            dcgm_exporter(
                name,
                args.nodes.taints,
                args.monitoring_namespace,
                args.monitoring_labels,
                args.support.driver_folder,
                pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[*args.monitoring])),
            )
        self.register_outputs({})
