"""A model as a service: its pods, its address, and the objects that keep the pods available."""

from dataclasses import dataclass, field
from typing import Literal

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    PodTemplateSpecArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from infra.access import AccessArgs
from infra.artifact import Artifact
from infra.autoscaling import Autoscaler, AutoscalerArgs, ScalingArgs
from infra.labels import labels, selector
from infra.network import network_policy
from infra.pod import SCRAPE_ANNOTATIONS, PodArgs, ResourcesArgs, pod_spec, start_seconds
from infra.registries.credentials import Credentials
from infra.server import ServerArgs
from infra.settings import Settings
from infra.settings.placement import Placement
from infra.url import service_url

SERVICE_PORT = 80

ServiceType = Literal["LoadBalancer", "NodePort", "ClusterIP"]


@dataclass(frozen=True, kw_only=True)
class ModelServiceArgs:
    """Which model is served, from which image, and with what.

    Another Pulumi program needs the first seven.

    """

    model: str
    """Name of the model: a DNS label, and the name of most of its objects."""

    version: str
    """Version of the model, as a label."""

    image: pulumi.Input[str]
    """Reference of an image of `app/Dockerfile`, best with its digest."""

    namespace: pulumi.Input[str]
    """An existing namespace."""

    instance: str
    """Tells two services of one model apart; by convention the stack's name."""

    resources: ResourcesArgs
    scaling: ScalingArgs
    server: ServerArgs = field(default_factory=ServerArgs)
    access: AccessArgs = field(default_factory=AccessArgs)
    service_type: ServiceType = "ClusterIP"
    """How the service is reached: `ClusterIP` from within the cluster only."""

    node_port: int | None = None
    """Port on the nodes, with the type `NodePort`. None lets the cluster choose."""

    node_address: str = "<node>"
    """Address of a node, as the exported URL shows it with the type `NodePort`."""

    pull_credentials: Credentials | None = None
    """Credentials that pods pull the image with. None means a public repository, or the nodes' own
    credentials."""

    architecture: str | None = None
    """Architecture that the image is built for, `amd64` or `arm64`. None means that of every node."""

    termination_grace_period_seconds: int | None = None
    """Time after which a terminating pod is killed. None means Kubernetes' default. It must be longer than
    both of the server's drain times together."""

    has_scrape_annotations: bool = False
    """Whether pods carry the annotations by which a Prometheus without an operator finds them."""

    placement: Placement = field(default_factory=Placement)
    """Where pods run, and what they have beside the server."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        artifact: Artifact,
        image: pulumi.Input[str],
        namespace: pulumi.Input[str],
        instance: str,
    ) -> "ModelServiceArgs":
        """Take from the settings what concerns the service."""
        return cls(
            model=artifact.name,
            version=artifact.version,
            image=image,
            namespace=namespace,
            instance=instance,
            resources=ResourcesArgs.of(settings),
            scaling=ScalingArgs.of(settings),
            server=ServerArgs.of(settings),
            access=AccessArgs.of(settings),
            service_type=settings.service_type,
            node_port=settings.node_port or None,
            **({"node_address": "127.0.0.1"} if settings.cluster == "local" else {}),
            pull_credentials=settings.credentials if settings.pull_secret else None,
            architecture=settings.platform.removeprefix("linux/"),
            termination_grace_period_seconds=settings.termination_grace_period_seconds,
            has_scrape_annotations=not settings.is_monitored,
            placement=settings.pod,
        )


class ModelService(pulumi.ComponentResource):
    """The Kubernetes objects that serve one model, named after it.

    Only the Service is named after the component: clients keep its address when another model replaces this
    one.

    Example:
        >>> service = ModelService(
        ...     "cats",
        ...     ModelServiceArgs(
        ...         model="cats",
        ...         version="0123456789ab",
        ...         image="ghcr.io/acme/cats:0123456789ab-onnx",
        ...         namespace="cats",
        ...         instance=pulumi.get_stack(),
        ...         resources=ResourcesArgs(
        ...             cpu_request="500m", cpu_limit="1", memory_request="512Mi", memory_limit="1Gi"
        ...         ),
        ...         scaling=ScalingArgs(min_replicas=2, max_replicas=6, target_cpu_utilization=60),
        ...     ),
        ... )

    """

    url: pulumi.Output[str]
    """Address of the service; `pending` until a load balancer has one."""

    def __init__(self, name: str, args: ModelServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:ModelService", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._selector = selector(args.model, args.instance)

        deployment = self._deployment()
        service = self._service(deployment)
        self._disruption_budget()
        network_policy(
            f"{name}-network-policy",
            self._metadata(args.model),
            self._selector,
            args.server.otlp_endpoint,
            self._child,
        )
        scaled = AutoscalerArgs(
            metadata=self._metadata(args.model), deployment=deployment, scaling=args.scaling
        )
        Autoscaler(name, scaled, self._child)
        self.url = service_url(name, service, args.service_type, args.namespace, args.node_address)
        self.register_outputs({"url": self.url})

    def _metadata(self, name: str | None) -> ObjectMetaArgs:
        args = self._args
        return ObjectMetaArgs(
            name=name,
            namespace=args.namespace,
            labels=labels(args.model, args.instance, args.version),
        )

    def _pod_args(self) -> PodArgs:
        args = self._args
        config = ConfigMap(
            f"{self._name}-config",
            # The engine chooses a new name when the content changes: new settings give new pods.
            metadata=self._metadata(None),
            immutable=True,
            data=args.server.environment(args.resources.device, args.access),
            opts=self._child,
        )
        account = ServiceAccount(
            f"{self._name}-account",
            metadata=self._metadata(args.model),
            automount_service_account_token=False,
            opts=self._child,
        )
        pull_secret = (
            args.pull_credentials.pull_secret(f"{self._name}-pull", self._metadata(None), self._child)
            if args.pull_credentials
            else None
        )
        return PodArgs(
            selector=self._selector,
            image=args.image,
            config=config.metadata["name"],
            service_account=account.metadata["name"],
            pull_secret=pull_secret.metadata["name"] if pull_secret else None,
            keys_secret=args.access.secret_name(
                f"{self._name}-api-keys", self._metadata(f"{args.model}-api-keys"), self._child
            ),
            resources=args.resources,
            architecture=args.architecture,
            termination_grace_period_seconds=args.termination_grace_period_seconds,
            placement=args.placement,
        )

    def _deployment(self) -> Deployment:
        args, seconds = self._args, start_seconds(self._args.resources)
        return Deployment(
            f"{self._name}-deployment",
            metadata=self._metadata(args.model),
            spec=DeploymentSpecArgs(
                # `replicas` is left out: the autoscaler sets it, and a second writer would undo its work.
                selector=LabelSelectorArgs(match_labels=self._selector),
                progress_deadline_seconds=seconds,
                strategy=DeploymentStrategyArgs(
                    type="RollingUpdate",
                    # A surge pod needs a GPU of its own, which the cluster may not have: with GPUs, stop a
                    # pod first.
                    rolling_update=RollingUpdateDeploymentArgs(max_unavailable=1, max_surge=0)
                    if args.resources.gpu
                    else RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1),
                ),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=self._metadata(None).labels,
                        annotations=dict(SCRAPE_ANNOTATIONS) if args.has_scrape_annotations else None,
                    ),
                    spec=pod_spec(self._pod_args()),
                ),
            ),
            opts=pulumi.ResourceOptions.merge(
                self._child,
                # Pods are replaced one after another, so a rollout takes longer than the start of one pod.
                pulumi.ResourceOptions(
                    custom_timeouts=pulumi.CustomTimeouts(
                        create=f"{3 * seconds}s", update=f"{3 * seconds}s", delete="5m"
                    )
                ),
            ),
        )

    def _service(self, deployment: Deployment) -> Service:
        args = self._args
        port = ServicePortArgs(name="http", port=SERVICE_PORT, target_port="http", node_port=args.node_port)
        return Service(
            f"{self._name}-service",
            metadata=self._metadata(self._name),
            spec=ServiceSpecArgs(type=args.service_type, selector=self._selector, ports=[port]),
            # When another model replaces this one, its pods must be ready before they get the requests.
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[deployment])),
        )

    def _disruption_budget(self) -> None:
        PodDisruptionBudget(
            f"{self._name}-disruption-budget",
            metadata=self._metadata(self._args.model),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                # A pod that never becomes ready must not stop a node from being drained.
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=LabelSelectorArgs(match_labels=self._selector),
            ),
            opts=self._child,
        )
