"""A model as a service: its pods, its address, and the objects that keep the pods available."""

from dataclasses import dataclass, field

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
    ServiceAccount,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from infra.access import AccessArgs
from infra.artifact import Artifact
from infra.autoscaling import Autoscaler, AutoscalerArgs, ScalingArgs
from infra.exposure import ExposureArgs, expose, warning
from infra.labels import labels, selector
from infra.network import network_policy
from infra.placement import pod_metadata
from infra.pod import SCRAPE_ANNOTATIONS, PodArgs, ResourcesArgs, pod_spec, start_seconds
from infra.registries.credentials import Credentials
from infra.server import ServerArgs
from infra.settings import Settings
from infra.settings.model_source import ModelSource
from infra.settings.placement import Placement


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
    exposure: ExposureArgs = field(default_factory=ExposureArgs)
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

    model_source: ModelSource = field(default_factory=ModelSource)
    """Where the files of the model come from."""

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
            exposure=ExposureArgs.of(settings),
            pull_credentials=settings.credentials if settings.pull_secret else None,
            architecture=settings.platform.removeprefix("linux/"),
            termination_grace_period_seconds=settings.termination_grace_period_seconds,
            has_scrape_annotations=not settings.is_monitored,
            placement=settings.pod,
            model_source=settings.model_source,
        )


class ModelService(pulumi.ComponentResource):
    """The Kubernetes objects that serve one model, named after it.

    Only the Service, and what lies before it, is named after the component: clients keep its address when
    another model replaces this one.

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
    """Address of the model; `pending` until a load balancer has one."""

    def __init__(self, name: str, args: ModelServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:ModelService", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._selector = selector(args.model, args.instance)

        deployment = self._deployment()
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
        # When another model replaces this one, its pods must be ready before they get the requests.
        after = pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[deployment]))
        if sentence := warning(args.exposure, has_api_keys=args.access.has_keys):
            pulumi.log.warn(sentence, resource=self)
        self.url = expose(name, self._metadata(name), self._selector, args.exposure, after)
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
            model=args.model,
            version=args.version,
            model_source=args.model_source,
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
                    metadata=pod_metadata(
                        labels(args.model, args.instance, args.version),
                        SCRAPE_ANNOTATIONS if args.has_scrape_annotations else {},
                        args.placement,
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
