"""Monitoring of a model service by a Prometheus operator: what is scraped, the alerts and the dashboards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict, TypeVar

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.artifact import Artifact
from infra.autoscaling import ScalingArgs
from infra.dashboards import dashboards
from infra.dashboards.context import DashboardContext
from infra.grafana import DASHBOARD_LABEL
from infra.labels import COMPONENT, MONITORING, labels, selector
from infra.objectives import ObjectivesArgs
from infra.queries import Queries, metrics_service
from infra.rules import Group, RulesArgs
from infra.server import METRICS_PORT, ServerArgs
from infra.settings import Settings
from infra.severities import SEVERITIES, Severities
from infra.slo import slo_rules

SCRAPE_INTERVAL = "15s"

RUNBOOKS = "docs/runbooks"
"""Folder of the pages that explain the alerts."""


T = TypeVar("T")


class Endpoint(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.Endpoint."""

    port: str
    interval: str
    honorLabels: bool


class Selector(TypedDict):
    """Labels by which Services are found."""

    matchLabels: dict[str, str]


class ServiceMonitorSpec(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitorSpec."""

    selector: Selector
    endpoints: list[Endpoint]


class PrometheusRuleSpec(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRuleSpec."""

    groups: list[Group]


@dataclass(frozen=True, kw_only=True)
class ModelMonitoringArgs:
    """Which service is monitored, and what it promises.

    `model`, `version`, `namespace`, `instance`, `server` and `scaling` are those of its `ModelServiceArgs`.

    """

    model: str
    version: str
    namespace: pulumi.Input[str]
    instance: str
    objectives: ObjectivesArgs
    scaling: ScalingArgs
    server: ServerArgs = field(default_factory=ServerArgs)
    has_gpus: bool = False
    """Whether the dashboard shows GPUs."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further labels of the ServiceMonitor and the PrometheusRule, by which a Prometheus selects them."""

    runbooks: str = RUNBOOKS
    """URL of the pages in `docs/runbooks`, which alerts link to."""

    severities: Severities = field(default_factory=lambda: SEVERITIES)
    """The label `severity` of the alerts that page somebody, and of those that open a ticket."""

    certificate: str | None = None
    """Name of the Certificate that cert-manager keeps for the service's address. None if there is none."""

    @classmethod
    def of(
        cls, settings: Settings, artifact: Artifact, namespace: pulumi.Input[str], instance: str
    ) -> "ModelMonitoringArgs":
        """Take from the settings what concerns monitoring."""
        tls = settings.exposure.tls
        return cls(
            model=artifact.name,
            version=artifact.version,
            namespace=namespace,
            instance=instance,
            objectives=ObjectivesArgs.of(settings),
            scaling=ScalingArgs.of(settings),
            server=ServerArgs.of(settings),
            has_gpus=settings.device == "gpu",
            labels=settings.monitoring_labels,
            severities=settings.alerts.severities,
            certificate=settings.service if tls and tls.is_renewed else None,
            runbooks=str(settings.runbook_url).rstrip("/") if settings.runbook_url else RUNBOOKS,
        )


class ModelMonitoring(pulumi.ComponentResource):
    """The objects by which a Prometheus operator and Grafana monitor one model service.

    It has the name of the service's `ModelService`, after which the series of its pods are told from those of
    other models.

    Example:
        >>> ModelMonitoring(
        ...     "cats",
        ...     ModelMonitoringArgs(
        ...         model="cats",
        ...         version="0123456789ab",
        ...         namespace="cats",
        ...         instance=pulumi.get_stack(),
        ...         objectives=ObjectivesArgs(
        ...             availability_percent=99.9, latency_seconds=0.5, latency_percent=99, window_days=30
        ...         ),
        ...         scaling=ScalingArgs(min_replicas=2, max_replicas=6, target_cpu_utilization=60),
        ...     ),
        ... )

    """

    def __init__(
        self, name: str, args: ModelMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("slipway:infra:ModelMonitoring", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._selector = selector(args.model, args.instance)
        self._metrics_service()
        self._service_monitor()
        self._rules()
        self._dashboards()
        self.register_outputs({})

    def _metadata(self, name: str, more: Mapping[str, str] | None = None) -> ObjectMetaArgs:
        args = self._args
        own = labels(args.model, args.instance, args.version, MONITORING)
        return ObjectMetaArgs(name=name, namespace=args.namespace, labels={**own, **(more or {})})

    def _metrics_service(self) -> None:
        """Declare the Service by which Prometheus finds the pods. Its name is a label of their series."""
        Service(
            f"{self._name}-metrics",
            metadata=self._metadata(metrics_service(self._name)),
            spec=ServiceSpecArgs(
                cluster_ip="None",
                # Also scrape pods that load, and pods that drain: those still answer requests.
                publish_not_ready_addresses=True,
                selector=self._selector,
                ports=[ServicePortArgs(name="metrics", port=METRICS_PORT, target_port="metrics")],
            ),
            opts=self._child,
        )

    def _service_monitor(self) -> None:
        spec: ServiceMonitorSpec = {
            "selector": {"matchLabels": {**self._selector, COMPONENT: MONITORING}},
            "endpoints": [
                # False: Prometheus sets the labels namespace, pod and service, which the queries rely on.
                {"port": "metrics", "interval": SCRAPE_INTERVAL, "honorLabels": False}
            ],
        }
        self._declare("ServiceMonitor", spec)

    def _rules(self) -> None:
        args = self._args

        def spec(namespace: str) -> PrometheusRuleSpec:
            rules = RulesArgs(
                objectives=args.objectives,
                queries=Queries(namespace=namespace, service=metrics_service(self._name)),
                model=args.model,
                runbooks=args.runbooks,
                severities=args.severities,
                can_scale_to_zero=args.scaling.min_replicas == 0,
                certificate=args.certificate,
            )
            return {"groups": slo_rules(rules)}

        self._declare("PrometheusRule", self._in_namespace(spec))

    def _declare(
        self,
        kind: Literal["PrometheusRule", "ServiceMonitor"],
        spec: pulumi.Output[PrometheusRuleSpec] | ServiceMonitorSpec,
    ) -> None:
        CustomResource(
            f"{self._name}-{kind.lower()}",
            api_version="monitoring.coreos.com/v1",
            kind=kind,
            metadata=self._metadata(self._args.model, self._args.labels),
            spec=spec,
            opts=self._child,
        )

    def _dashboards(self) -> None:
        """Declare the ConfigMap with the dashboards. Grafana reloads them when they change."""
        args = self._args

        def files(namespace: str) -> dict[str, str]:
            context = DashboardContext(
                namespace=namespace,
                service=self._name,
                deployment=args.model,
                objectives=args.objectives,
                scaling=args.scaling,
                server=args.server,
                has_gpus=args.has_gpus,
            )
            return dashboards(context)

        ConfigMap(
            f"{self._name}-dashboards",
            metadata=self._metadata(f"{args.model}-dashboards", dict([DASHBOARD_LABEL])),
            data=self._in_namespace(files),
            opts=self._child,
        )

    def _in_namespace(self, function: Callable[[str], T]) -> pulumi.Output[T]:
        """Apply a function to the name of the namespace."""
        return pulumi.Output.from_input(self._args.namespace).apply(function)
