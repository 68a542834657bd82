"""A model as a service: pods, an address, and what keeps them up, few and apart."""

from dataclasses import dataclass

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
from pulumi_kubernetes.core.v1.outputs import ServiceSpec, ServiceStatus
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from infra.artifact import Artifact
from infra.autoscaling import Autoscaler, AutoscalerArgs
from infra.labels import labels, selector
from infra.pod import PodArgs, annotations, environment, pod_spec, start_seconds
from infra.settings import Settings

SERVICE_PORT = 80
DNS_PORT = 53


@dataclass(frozen=True, kw_only=True)
class ModelServiceArgs:
    """Which model is served, from which image, in which namespace."""

    settings: Settings
    artifact: Artifact
    image: pulumi.Input[str]
    namespace: pulumi.Input[str]
    instance: str
    """Tells apart two services of one model; by convention the stack."""


class ModelService(pulumi.ComponentResource):
    """The Kubernetes objects that serve one model, named after it.

    All but the Service: clients keep its address, and a node port its number, when another model
    takes the place of this one.

    """

    url: pulumi.Output[str]

    def __init__(self, name: str, args: ModelServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("slipway:infra:ModelService", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._model = args.artifact.name
        self._selector = selector(self._model, args.instance)

        deployment = self._deployment()
        service = self._service(deployment)
        self._disruption_budget()
        self._network_policy()
        Autoscaler(
            name, AutoscalerArgs.of(args.settings, self._metadata(self._model), deployment), self._child
        )
        self.url = service.spec.apply(
            lambda spec: service.status.apply(lambda status: _url(name, args.settings, spec, status))
        )
        self.register_outputs({"url": self.url})

    def _metadata(self, name: str | None) -> ObjectMetaArgs:
        artifact = self._args.artifact
        return ObjectMetaArgs(
            name=name,
            namespace=self._args.namespace,
            labels=labels(artifact.name, self._args.instance, artifact.version),
        )

    def _deployment(self) -> Deployment:
        args, credentials = self._args, self._args.settings.credentials
        config = ConfigMap(
            f"{self._name}-config",
            # Named by its content and never changed: new settings are a new ConfigMap, and so new pods.
            metadata=self._metadata(None),
            immutable=True,
            data=environment(args.settings),
            opts=self._child,
        )
        account = ServiceAccount(
            f"{self._name}-account",
            metadata=self._metadata(self._model),
            automount_service_account_token=False,
            opts=self._child,
        )
        pull_secret = (
            credentials.pull_secret(f"{self._name}-pull", self._metadata(None), self._child)
            if credentials and args.settings.pull_secret
            else None
        )
        pod = PodArgs(
            settings=args.settings,
            selector=self._selector,
            image=args.image,
            config=config.metadata["name"],
            service_account=account.metadata["name"],
            pull_secret=pull_secret.metadata["name"] if pull_secret else None,
        )
        patience = f"{3 * start_seconds(args.settings)}s"
        return Deployment(
            f"{self._name}-deployment",
            metadata=self._metadata(self._model),
            spec=DeploymentSpecArgs(
                # No replicas: they are the autoscaler's, and a second writer would undo its work.
                selector=LabelSelectorArgs(match_labels=self._selector),
                progress_deadline_seconds=start_seconds(args.settings),
                strategy=DeploymentStrategyArgs(
                    type="RollingUpdate",
                    # One more at a time; of GPUs there may be no more, and one gives way to the next.
                    rolling_update=RollingUpdateDeploymentArgs(max_unavailable=1, max_surge=0)
                    if args.settings.device == "gpu"
                    else RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1),
                ),
                template=PodTemplateSpecArgs(
                    metadata=ObjectMetaArgs(
                        labels=self._metadata(None).labels, annotations=annotations(args.settings)
                    ),
                    spec=pod_spec(pod),
                ),
            ),
            opts=pulumi.ResourceOptions.merge(
                self._child,
                # A pod at a time is replaced: the engine waits longer than one of them may take.
                pulumi.ResourceOptions(
                    custom_timeouts=pulumi.CustomTimeouts(create=patience, update=patience, delete="5m")
                ),
            ),
        )

    def _service(self, deployment: Deployment) -> Service:
        settings = self._args.settings
        return Service(
            f"{self._name}-service",
            metadata=self._metadata(self._name),
            spec=ServiceSpecArgs(
                type=settings.service_type,
                selector=self._selector,
                ports=[
                    ServicePortArgs(
                        name="http",
                        port=SERVICE_PORT,
                        target_port="http",
                        node_port=settings.node_port or None,
                    )
                ],
            ),
            # Another model's pods are ready before the requests are theirs.
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=[deployment])),
        )

    def _disruption_budget(self) -> None:
        PodDisruptionBudget(
            f"{self._name}-disruption-budget",
            metadata=self._metadata(self._model),
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                # A pod that never becomes ready must not stop a node from being drained.
                unhealthy_pod_eviction_policy="AlwaysAllow",
                selector=LabelSelectorArgs(match_labels=self._selector),
            ),
            opts=self._child,
        )

    def _network_policy(self) -> None:
        """Let anyone predict, the cluster scrape, and the server call nobody but its collector of traces."""
        collector = self._args.settings.otlp_endpoint
        NetworkPolicy(
            f"{self._name}-network-policy",
            metadata=self._metadata(self._model),
            spec=NetworkPolicySpecArgs(
                pod_selector=LabelSelectorArgs(match_labels=self._selector),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    NetworkPolicyIngressRuleArgs(ports=[NetworkPolicyPortArgs(port="http")]),
                    NetworkPolicyIngressRuleArgs(
                        ports=[NetworkPolicyPortArgs(port="metrics")],
                        from_=[NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs())],
                    ),
                ],
                egress=[
                    NetworkPolicyEgressRuleArgs(
                        ports=[
                            NetworkPolicyPortArgs(port=collector.port),
                            *(NetworkPolicyPortArgs(port=DNS_PORT, protocol=each) for each in ("UDP", "TCP")),
                        ]
                    )
                ]
                if collector
                else None,
            ),
            opts=self._child,
        )


def _url(name: str, settings: Settings, spec: ServiceSpec, status: ServiceStatus | None) -> str:
    if settings.service_type == "ClusterIP":
        return f"http://{name}.{settings.namespace}.svc"
    if settings.service_type == "NodePort":
        node = "127.0.0.1" if settings.cluster == "local" else "<node>"
        return f"http://{node}:{spec.ports[0].node_port if spec.ports else None}"
    ingress = status.load_balancer.ingress if status and status.load_balancer else None
    return f"http://{ingress[0].hostname or ingress[0].ip}" if ingress else "pending"
