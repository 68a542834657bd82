"""The cluster that a stack deploys to, and its namespace there."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.clouds import Cloud, cloud_cluster
from infra.clouds.cluster import CloudCluster, EksCluster
from infra.labels import INSTANCE, PART_OF
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Which cluster it is, how it is reached, and the namespace to make in it."""

    cloud: Cloud | None
    """Whose it is, where the cloud must be asked for it, or for nodes."""

    cloud_name: str | None
    """The cluster's name in the cloud. None makes one."""

    stack: str | None
    """Another program's stack that has it, with an output `kubeconfig`."""

    kubeconfig: Path | None
    context: str | None
    namespace: str
    instance: str
    """The stack that the namespace belongs to."""

    takes_over: bool
    """Whether an object that is there already becomes the stack's, as after an update that was killed."""

    @classmethod
    def of(cls, settings: Settings, instance: str) -> "ClusterArgs":
        """Take from the settings what concerns the cluster."""
        return cls(
            cloud=settings.cloud,
            cloud_name=settings.cluster_name,
            stack=settings.cluster_stack,
            kubeconfig=settings.kubeconfig,
            context=settings.kube_context,
            namespace=settings.namespace,
            instance=instance,
            # Only on a cluster that nobody else uses: elsewhere a stack would take, and later delete, the
            # namespace of somebody else.
            takes_over=settings.cluster == "local",
        )


class Cluster(pulumi.ComponentResource):
    """A cluster, as it is or made here, and a namespace in it that refuses pods which are not hardened."""

    provider: kubernetes.Provider
    namespace: pulumi.Output[str]
    cloud: CloudCluster | None
    """What the cloud says of it."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:Cluster", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.cloud = cloud_cluster(args.cloud, args.cloud_name, name, child) if args.cloud else None
        kubeconfig, identifier = self._access(args)
        self.provider = kubernetes.Provider(
            name,
            kubeconfig=kubeconfig,
            context=args.context,
            cluster_identifier=identifier,
            upsert_existing_objects=args.takes_over or None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self.cloud.nodes if self.cloud else ()),
        )
        in_cluster = pulumi.ResourceOptions(parent=self, provider=self.provider)
        if isinstance(self.cloud, EksCluster) and not args.cloud_name:
            from infra.clouds.eks_autoscaler import eks_autoscaler

            eks_autoscaler(name, self.cloud, in_cluster)
        namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(
                name=args.namespace,
                labels={
                    **PART_OF,
                    INSTANCE: args.instance,
                    # https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            ),
            opts=in_cluster,
        )
        self.namespace = namespace.metadata["name"]
        self.register_outputs({"namespace": self.namespace})

    def _access(self, args: ClusterArgs) -> tuple[pulumi.Input[str] | None, pulumi.Input[str] | None]:
        """Return a kubeconfig, and what identifies the cluster in spite of it.

        The kubeconfig is the first of: another stack's output, one that is named, the cloud's, kubectl's
        own. Without an identifier one that is rewritten (a fresh token) replaces everything in the cluster.

        """
        if args.stack:
            stack = pulumi.StackReference(args.stack, opts=pulumi.ResourceOptions(parent=self))
            return pulumi.Output.secret(stack.require_output("kubeconfig")), args.stack
        if self.cloud and not (args.kubeconfig or args.context):
            return self.cloud.kubeconfig, self.cloud.identifier
        return str(args.kubeconfig.expanduser()) if args.kubeconfig else None, args.context
