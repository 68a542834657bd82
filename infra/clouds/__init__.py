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
class Form:
    """The form of a value."""

    pattern: str
    words: str
    """The form as an error message shows it."""


NO_FORM = Form(pattern=".*", words="")


@dataclass(frozen=True, kw_only=True)
class Creation:
    """What can be chosen for a cluster that is created in a cloud: see `infra.settings.cloud.NewCluster`."""

    lacks: frozenset[str] = frozenset()
    """Names of the fields that this cloud does not know."""

    admin: Form = NO_FORM
    encryption_key: Form = NO_FORM
    tag: Form = NO_FORM
    """Form of a tag, KEY=VALUE."""

    fewest_subnets: int = 1
    most_subnets: int | None = 1
    ranges_of_private_endpoint: bool = False
    """Whether the networks that reach the API can be chosen while it has only a private address."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A cloud, as far as it is known without its SDK."""

    cluster: SdkClass
    """A subclass of `infra.clouds.cluster.CloudCluster`."""

    cluster_name_form: str = "NAME"
    """The form of `clusterName`: words in capitals, with slashes between them."""

    has_kube_dns: bool = False
    """Whether kube-dns resolves names, which has other metrics than CoreDNS."""

    creation: Creation = field(default_factory=Creation)

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
        creation=Creation(
            lacks=frozenset({"host_encryption", "uptime_sla"}),
            # https://cloud.google.com/iam/docs/principal-identifiers
            admin=Form(
                pattern=r"(user|group|serviceAccount):[^@\s]+@[^@\s]+",
                words="user:E-MAIL, group:E-MAIL or serviceAccount:E-MAIL",
            ),
            encryption_key=Form(
                pattern=r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+",
                words="projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY",
            ),
            # https://cloud.google.com/kubernetes-engine/docs/how-to/creating-managing-labels
            tag=Form(
                pattern=r"[a-z][-_a-z0-9]{0,62}=[-_a-z0-9]{0,63}",
                words="small letters, digits, - and _, at most 63 each, for they are labels",
            ),
            ranges_of_private_endpoint=True,
        ),
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
        creation=Creation(
            lacks=frozenset({"network", "private_nodes", "upgrade_channel", "host_encryption", "uptime_sla"}),
            admin=Form(
                pattern=r"arn:aws[-a-z]*:iam::\d{12}:(role|user)/\S+",
                words="arn:aws:iam::ACCOUNT:role/NAME, or user/NAME",
            ),
            encryption_key=Form(
                pattern=r"arn:aws[-a-z]*:kms:[-a-z0-9]+:\d{12}:key/\S+",
                words="arn:aws:kms:REGION:ACCOUNT:key/KEY",
            ),
            fewest_subnets=2,
            most_subnets=None,
        ),
        gpu=GpuSupport(),
    ),
    "aks": Cloud(
        cluster=SdkClass(
            path="infra.clouds.aks:AksCluster", sdk=Sdk(extra="aks", package="pulumi_azure_native")
        ),
        cluster_name_form="RESOURCE_GROUP/NAME",
        creation=Creation(
            lacks=frozenset({"network", "private_nodes"}),
            admin=Form(
                pattern=r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                words="the object identifier of a group, such as 00000000-0000-0000-0000-000000000000",
            ),
            encryption_key=Form(
                pattern=r"/subscriptions/.+/diskEncryptionSets/[^/]+",
                words="/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Compute/diskEncryptionSets/NAME",
            ),
        ),
        # https://learn.microsoft.com/azure/aks/spot-node-pool
        gpu=GpuSupport(spot_taint=Taint("kubernetes.azure.com/scalesetpriority", "spot", "NoSchedule")),
    ),
}
"""By the value of the setting `cluster`."""
