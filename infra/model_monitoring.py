"""How a deployed model is watched by a Prometheus operator: what is scraped, alerted on and drawn."""

from dataclasses import dataclass
from typing import Literal, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, Service, ServicePortArgs, ServiceSpecArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.artifact import Artifact
from infra.dashboards import dashboards
from infra.labels import COMPONENT, MONITORING, labels, selector
from infra.monitoring_stack import DASHBOARD_LABEL
from infra.pod import METRICS_PORT
from infra.queries import METRICS_SERVICE
from infra.settings import Settings
from infra.slo import Group, slo_rules

SCRAPE_INTERVAL = "15s"

RUNBOOKS = "docs/runbooks"
"""Where an alert's page is, in this project."""


class Endpoint(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.Endpoint."""

    port: str
    interval: str
    honorLabels: bool


class Selector(TypedDict):
    """By which labels Services are found."""

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
    """Which model is watched, in which namespace."""

    settings: Settings
    artifact: Artifact
    namespace: pulumi.Input[str]
    instance: str
    """As of the ModelService."""


class ModelMonitoring(pulumi.ComponentResource):
    """Has the pods of one model scraped, its objectives kept, and its dashboards shown.

    Where `monitoring` is `none` it is empty: the pods themselves say by annotations where they are scraped.

    """

    def __init__(
        self, name: str, args: ModelMonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("slipway:infra:ModelMonitoring", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._model = args.artifact.name
        self._selector = selector(self._model, args.instance)
        if args.settings.monitoring != "none":
            self._metrics_service()
            self._service_monitor()
            self._rules()
            self._dashboards()
        self.register_outputs({})

    def _metadata(self, name: str, **more: str) -> ObjectMetaArgs:
        artifact = self._args.artifact
        own = labels(artifact.name, self._args.instance, artifact.version, MONITORING)
        return ObjectMetaArgs(name=name, namespace=self._args.namespace, labels={**own, **more})

    def _metrics_service(self) -> None:
        """Declare the Service that the pods are found by, and that their series are labelled with."""
        Service(
            f"{self._name}-metrics",
            metadata=self._metadata(METRICS_SERVICE),
            spec=ServiceSpecArgs(
                cluster_ip="None",
                # A pod that loads is measured, and one that drains still answers: that counts, too.
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
                # The labels namespace, pod and service are Prometheus's own, and what queries go by.
                {"port": "metrics", "interval": SCRAPE_INTERVAL, "honorLabels": False}
            ],
        }
        self._declare("ServiceMonitor", spec)

    def _rules(self) -> None:
        settings = self._args.settings
        runbooks = str(settings.runbook_url).rstrip("/") if settings.runbook_url else RUNBOOKS
        spec: PrometheusRuleSpec = {"groups": slo_rules(settings, self._model, runbooks)}
        self._declare("PrometheusRule", spec)

    def _declare(
        self,
        kind: Literal["PrometheusRule", "ServiceMonitor"],
        spec: PrometheusRuleSpec | ServiceMonitorSpec,
    ) -> None:
        CustomResource(
            f"{self._name}-{kind.lower()}",
            api_version="monitoring.coreos.com/v1",
            kind=kind,
            metadata=self._metadata(self._model),
            spec=spec,
            opts=self._child,
        )

    def _dashboards(self) -> None:
        """Declare where Grafana finds the dashboards. It follows their changes by itself."""
        ConfigMap(
            f"{self._name}-dashboards",
            metadata=self._metadata(f"{self._model}-dashboards", **dict([DASHBOARD_LABEL])),
            data=dashboards(self._args.settings, self._model),
            opts=self._child,
        )
