"""The cluster that a stack deploys to, and its namespace there."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.clouds.cluster import CloudCluster, Pulls, cloud_cluster
from infra.labels import INSTANCE, PART_OF
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Which cluster it is, how it is reached, and which namespace is used."""

    namespace: str
    instance: str
    """Name of the stack that the namespace belongs to."""

    creates_namespace: bool = True
    """Whether the namespace is created. Otherwise it exists, and stays as it is."""

    cloud: str | None = None
    """A key of `infra.clouds.CLOUDS`, if the cloud is asked for the cluster or for nodes."""

    cloud_name: str | None = None
    """Name of an existing cluster in the cloud. None creates a cluster."""

    stack: str | None = None
    """Stack of another program that has created the cluster, with an output `kubeconfig`."""

    kubeconfig: Path | None = None
    context: str | None = None
    """Context within the kubeconfig. None means its current context."""

    pulls: Pulls | None = None
    """The registry that the nodes of a created cluster may pull from. None grants nothing."""

    takes_over: bool = False
    """Whether an existing object becomes part of the stack, for example after an update that was killed."""

    @classmethod
    def of(cls, settings: Settings, instance: str) -> "ClusterArgs":
        """Take from the settings what concerns the cluster."""
        return cls(
            cloud=settings.cloud,
            cloud_name=settings.cluster_name,
            stack=settings.cluster_stack,
            kubeconfig=settings.kubeconfig,
            context=settings.kube_context,
            pulls=None
            if settings.pull_secret
            else Pulls(registry=settings.registry, resource_group=settings.registry_resource_group),
            namespace=settings.namespace,
            creates_namespace=settings.create_namespace,
            instance=instance,
            # Only on a cluster that nobody else uses: on another cluster a stack could take over, and later
            # delete, the namespace of somebody else.
            takes_over=settings.cluster == "local",
        )


class Cluster(pulumi.ComponentResource):
    """An existing or created cluster, and a namespace. A created one accepts only hardened pods.

    Example:
        >>> cluster = Cluster("cluster", ClusterArgs(namespace="cats", instance=pulumi.get_stack()))

    """

    provider: kubernetes.Provider
    namespace: pulumi.Output[str]
    cloud: CloudCluster | None
    """The cluster as its cloud describes it. None for `local` and `kubeconfig`."""

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
            # API keys change in place. Secrets that must give new pods are declared immutable.
            enable_secret_mutable=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self.cloud.nodes if self.cloud else ()),
        )
        in_cluster = pulumi.ResourceOptions(parent=self, provider=self.provider)
        if self.cloud and not args.cloud_name:
            self.cloud.add_ons(name, in_cluster)
            if args.pulls:
                self.cloud.allow_pulls(f"{name}-pull", args.pulls, child)
        self.namespace = (
            _namespace(name, args, in_cluster)
            if args.creates_namespace
            else pulumi.Output.from_input(args.namespace)
        )
        self.register_outputs({"namespace": self.namespace})

    def _access(self, args: ClusterArgs) -> tuple[pulumi.Input[str] | None, pulumi.Input[str] | None]:
        """Return a kubeconfig, and an identifier of the cluster.

        The kubeconfig is the first of these that is given: the output of another stack, a path or context,
        the cloud's. Otherwise kubectl's own rules hold. Without an identifier the provider compares
        kubeconfigs: a rewritten one, with a fresh token, would then replace everything in the cluster.

        """
        if args.stack:
            stack = pulumi.StackReference(args.stack, opts=pulumi.ResourceOptions(parent=self))
            return pulumi.Output.secret(stack.require_output("kubeconfig")), args.stack
        if self.cloud and not (args.kubeconfig or args.context):
            return self.cloud.kubeconfig, self.cloud.identifier
        return str(args.kubeconfig.expanduser()) if args.kubeconfig else None, args.context


def _namespace(name: str, args: ClusterArgs, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Declare the namespace, and return its name."""
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
        opts=opts,
    )
    return namespace.metadata["name"].apply(str)
