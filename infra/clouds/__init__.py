"""The clouds that Slipway can create clusters and GPU nodes in: one row each.

A cloud is a file in this folder, with a subclass of `infra.clouds.cluster.CloudCluster`, and a row of
`CLOUDS`. What the settings and the pods need to know about it without its SDK is in the row.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.clouds import gke_gpus
from infra.sdk import Sdk, SdkClass


class Taint(NamedTuple):
    """A node's taint: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class GpuSupport:
    """What the GPU nodes of a cloud have from the start."""

    has_device_plugin: bool = False
    """Whether the cloud runs NVIDIA's device plugin itself. Otherwise it is installed as a chart."""

    default_machine_type: str | None = None
    """The machine type that is used if none is set. None leaves it to the cloud's class."""

    accelerators: Mapping[str, str] | None = None
    """The GPU of each machine type that has one by itself, where other types have none. None where the
    machine type always decides."""

    takes_zones: bool = False
    """Whether the zones of the nodes can be chosen."""

    spot_taint: Taint | None = None
    """The taint that the cloud adds to spot nodes."""

    driver_folder: str | None = None
    """The folder of the driver on a node, where the container runtime does not mount it into containers."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A cloud, as far as it is known without its SDK."""

    cluster: SdkClass
    """A subclass of `infra.clouds.cluster.CloudCluster`."""

    cluster_name_form: str = "NAME"
    """The form of `clusterName`: words in capitals, with slashes between them."""

    has_kube_dns: bool = False
    """Whether kube-dns resolves names, which has other metrics than CoreDNS."""

    internal_load_balancer: Mapping[str, str] = field(default_factory=dict[str, str])
    """Annotations that give the load balancer of a Service an address in the cluster's network only."""

    gpu: GpuSupport | None = None
    """None means that no GPU nodes can be created in it."""

    def accepts_cluster_name(self, name: str) -> bool:
        """Return whether a name has the form of this cloud's cluster names."""
        return re.fullmatch(re.sub("[A-Z_]+", "[^/]+", self.cluster_name_form), name) is not None


CLOUDS: Mapping[str, Cloud] = {
    "gke": Cloud(
        cluster=SdkClass(path="infra.clouds.gke:GkeCluster", sdk=Sdk(extra="gke", package="pulumi_gcp")),
        # https://cloud.google.com/kubernetes-engine/docs/concepts/kube-dns
        has_kube_dns=True,
        # https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing
        internal_load_balancer={"networking.gke.io/load-balancer-type": "Internal"},
        # https://cloud.google.com/kubernetes-engine/docs/how-to/gpus
        gpu=GpuSupport(
            has_device_plugin=True,
            default_machine_type=gke_gpus.MACHINE_TYPE,
            accelerators=gke_gpus.ACCELERATORS,
            takes_zones=True,
            driver_folder="/home/kubernetes/bin/nvidia",
        ),
    ),
    "eks": Cloud(
        cluster=SdkClass(path="infra.clouds.eks:EksCluster", sdk=Sdk(extra="eks", package="pulumi_aws")),
        internal_load_balancer={
            # https://github.com/kubernetes/cloud-provider-aws/blob/master/docs/service_controller.md
            "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
            # https://docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html
            "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
        },
        gpu=GpuSupport(),
    ),
    "aks": Cloud(
        cluster=SdkClass(
            path="infra.clouds.aks:AksCluster", sdk=Sdk(extra="aks", package="pulumi_azure_native")
        ),
        cluster_name_form="RESOURCE_GROUP/NAME",
        # https://learn.microsoft.com/azure/aks/internal-lb
        internal_load_balancer={"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
        # https://learn.microsoft.com/azure/aks/spot-node-pool
        gpu=GpuSupport(spot_taint=Taint("kubernetes.azure.com/scalesetpriority", "spot", "NoSchedule")),
    ),
}
"""By the value of the setting `cluster`."""
