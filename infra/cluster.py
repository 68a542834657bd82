"""The cluster that a stack deploys to, and its namespace there."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.labels import PART_OF
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """How the cluster is reached, and the namespace to make in it."""

    kubeconfig: Path | None
    context: str | None
    namespace: str

    @classmethod
    def of(cls, settings: Settings) -> "ClusterArgs":
        """Take from the settings what concerns the cluster."""
        return cls(
            kubeconfig=settings.kubeconfig, context=settings.kube_context, namespace=settings.namespace
        )


class Cluster(pulumi.ComponentResource):
    """A cluster as it is, and a namespace in it that refuses pods which are not hardened."""

    provider: kubernetes.Provider
    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Cluster", name, {}, opts)
        self.provider = kubernetes.Provider(
            name,
            kubeconfig=str(args.kubeconfig.expanduser()) if args.kubeconfig else None,
            context=args.context,
            # Without it a rewritten kubeconfig (a fresh token) replaces everything in the cluster.
            cluster_identifier=args.context,
            opts=pulumi.ResourceOptions(parent=self),
        )
        namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(
                name=args.namespace,
                labels={
                    **PART_OF,
                    # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=self.provider),
        )
        self.namespace = namespace.metadata["name"]
        self.register_outputs({"namespace": self.namespace})
