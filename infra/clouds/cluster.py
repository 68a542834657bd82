"""What is known of a cluster in a cloud. No SDK is needed to know it."""

import json
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class CloudCluster:
    """A cluster, found or made."""

    name: pulumi.Input[str]
    kubeconfig: pulumi.Output[str]
    """A secret."""

    identifier: pulumi.Input[str]
    """The cloud's own, which outlives its address and its certificates."""

    nodes: tuple[pulumi.Resource, ...] = ()
    """What must be there before a pod can run. Empty for a cluster that was found."""


@dataclass(frozen=True, kw_only=True)
class GkeCluster(CloudCluster):
    """A cluster of Google Kubernetes Engine."""

    location: str
    """Its zone, or its region."""


@dataclass(frozen=True, kw_only=True)
class EksCluster(CloudCluster):
    """A cluster of Amazon Elastic Kubernetes Service."""

    region: str
    subnets: pulumi.Input[list[str]]


@dataclass(frozen=True, kw_only=True)
class AksCluster(CloudCluster):
    """A cluster of Azure Kubernetes Service."""

    resource_group: pulumi.Input[str]


def kubeconfig(name: str, server: str, authority: str, command: str, *arguments: str) -> str:
    """Return a kubeconfig, JSON being YAML, whose credentials are what a command prints.

    Args:
        name: Name of cluster, user and context.
        server: `https://HOST`.
        authority: The certificate of the server's authority, base64 of PEM.
        command: What is run for each token: a token written here would expire before the cluster does.
        arguments: The command's.

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
