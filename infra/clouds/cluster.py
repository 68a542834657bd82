"""The interface that a cloud implements: find or create a cluster, and add GPU nodes to it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pulumi

from infra.clouds import CLOUDS, Taint
from infra.registries import Registry
from infra.settings.cloud import NewCluster


@dataclass(frozen=True, kw_only=True)
class GpuNodes:
    """The GPU nodes that a cloud is asked to create."""

    machine_type: str | None
    """None means the cloud's smallest machine with a current GPU for inference."""

    accelerator: str | None
    """The GPU, in clouds that choose it apart from the machine type. None means the machine's own."""

    zones: Sequence[str]
    """Zones of the nodes, in clouds that choose them. Empty means those of the cluster."""

    min_nodes: int
    max_nodes: int
    is_spot: bool
    labels: Mapping[str, str]
    taints: Sequence[Taint]


@dataclass(frozen=True, kw_only=True)
class Pulls:
    """The registry that nodes pull from."""

    registry: Registry
    resource_group: str | None = None
    """Resource group of the registry, in Azure."""


@dataclass(frozen=True, kw_only=True)
class CloudCluster(ABC):
    """A Kubernetes cluster of a cloud.

    Project, region and credentials are those of the cloud's own Pulumi provider.

    """

    name: pulumi.Input[str]
    kubeconfig: pulumi.Output[str]
    """The text of a kubeconfig; a Pulumi secret."""

    identifier: pulumi.Input[str]
    """The cloud's name for the cluster, which stays the same when its address or its certificates change."""

    nodes: tuple[pulumi.Resource, ...] = ()
    """Resources that must exist before a pod can run. Empty for a cluster that existed before."""

    new: NewCluster | None = None
    """What a created cluster has. None for a cluster that existed before."""

    @classmethod
    @abstractmethod
    def find(cls, name: str) -> Self:
        """Look up an existing cluster.

        Raises:
            pulumi.RunError: A key of the provider's configuration is missing.

        """

    @classmethod
    @abstractmethod
    def create(cls, name: str, new: NewCluster, opts: pulumi.ResourceOptions) -> Self:
        """Declare a small cluster.

        Args:
            name: Resource name of the cluster, and prefix of the names of its other resources.
            new: What it has.
            opts: Options of every resource.

        Raises:
            pulumi.RunError: A key of the provider's configuration is missing.

        """

    def add_ons(self, name: str, opts: pulumi.ResourceOptions) -> None:  # noqa: B027 - most clouds need none
        """Declare what a created cluster needs inside it before it is used.

        Args:
            name: Resource name of the cluster.
            opts: Parent, and the Kubernetes provider of the cluster.

        """

    def allow_pulls(self, name: str, pulls: Pulls, opts: pulumi.ResourceOptions) -> None:  # noqa: B027
        """Declare that the nodes of a created cluster may pull, if the registry is this cloud's own.

        Args:
            name: Resource name of the grant.
            pulls: What is pulled.
            opts: Options of every resource.

        """

    def before_monitoring(self) -> None:  # noqa: B027 - most clusters allow it
        """Warn if the cluster does not allow what kube-prometheus-stack installs."""

    def gpu_nodes(self, name: str, nodes: GpuNodes, opts: pulumi.ResourceOptions) -> None:  # noqa: ARG002
        """Declare a pool of GPU nodes. A cloud whose row has `gpu` must override this.

        Raises:
            pulumi.RunError: Slipway cannot create GPU nodes in this cloud.

        """
        raise pulumi.RunError(
            f"device: 'gpu': no GPU nodes can be created in a {type(self).__name__}: set `device` to cpu, or "
            "`cluster` to kubeconfig with a cluster that has GPU nodes"
        )


def cloud_cluster(
    cloud: str, cluster_name: str | None, name: str, new: NewCluster, opts: pulumi.ResourceOptions
) -> CloudCluster:
    """Look up a cluster of a cloud by its name, or declare a new one. Only this cloud's SDK is imported.

    Args:
        cloud: A key of `CLOUDS`.
        cluster_name: Name of the cluster, in the form that the cloud's row gives. None creates a cluster.
        name: Resource name of a created cluster.
        new: What a created cluster has.
        opts: Options of created resources.

    Raises:
        pulumi.RunError: The SDK is not installed, or a key of the provider's configuration is missing.

    """
    cluster_class = CLOUDS[cloud].cluster.load(CloudCluster)
    return cluster_class.find(cluster_name) if cluster_name else cluster_class.create(name, new, opts)


def kubeconfig(name: str, server: str, authority: str, command: str, *arguments: str) -> str:
    """Return a kubeconfig whose credentials come from a command. It is JSON, which is also YAML.

    Args:
        name: Name of the cluster, the user and the context.
        server: `https://HOST`.
        authority: Certificate of the server's authority, PEM in base64.
        command: Prints a token. A token written into the file would expire before the cluster does.
        arguments: Arguments of the command.

    """
    access = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": command,
        "args": list(arguments),
        "interactiveMode": "Never",
        "provideClusterInfo": True,
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [
                {"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "users": [{"name": name, "user": {"exec": access}}],
        }
    )
