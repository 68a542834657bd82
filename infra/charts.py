"""The Helm charts that watch a cluster: where they come from, and the part of their values that is set here.

The values are typed, for Helm passes over a key that its chart does not know. A test holds the types against
the charts where they are at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs

from infra.autoscaling import ExternalRule

SECONDS = 900
"""How long a release may take: images of half a dozen projects, perhaps on nodes that are not there yet."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart in one version."""

    name: str
    version: str
    repository: str

    def release(
        self,
        name: str,
        namespace: pulumi.Input[str],
        values: Mapping[str, object],
        opts: pulumi.ResourceOptions,
    ) -> Release:
        """Declare a release of it, named as the chart is.

        By Helm itself, for its hooks: charts make the certificates of their webhooks in one.

        """
        timeouts = pulumi.CustomTimeouts(create=f"{SECONDS}s", update=f"{SECONDS}s", delete=f"{SECONDS}s")
        return Release(
            f"{name}-{self.name}",
            name=self.name,
            namespace=namespace,
            chart=self.name,
            version=self.version,
            repository_opts=RepositoryOptsArgs(repo=self.repository),
            values=values,
            timeout=SECONDS,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(custom_timeouts=timeouts)),
        )


KUBE_PROMETHEUS_STACK = Chart(
    name="kube-prometheus-stack",
    version="88.5.3",
    repository="https://prometheus-community.github.io/helm-charts",
)
PROMETHEUS_ADAPTER = Chart(
    name="prometheus-adapter",
    version="5.3.0",
    repository="https://prometheus-community.github.io/helm-charts",
)
KEDA = Chart(name="keda", version="2.20.2", repository="https://kedacore.github.io/charts")


class Enabled(TypedDict):
    """Whether a part is there."""

    enabled: bool


class PrometheusSpec(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusSpec."""

    retention: str
    retentionSize: str
    podMonitorSelectorNilUsesHelmValues: bool
    probeSelectorNilUsesHelmValues: bool
    ruleSelectorNilUsesHelmValues: bool
    scrapeConfigSelectorNilUsesHelmValues: bool
    serviceMonitorSelectorNilUsesHelmValues: bool


class Prometheus(TypedDict):
    """The Prometheus of the stack."""

    prometheusSpec: PrometheusSpec


class GrafanaAdmin(TypedDict):
    """Where Grafana reads who its administrator is."""

    existingSecret: pulumi.Output[str]
    userKey: str
    passwordKey: str


class DashboardsSidecar(TypedDict):
    """Which ConfigMaps hold dashboards."""

    label: str
    labelValue: str
    searchNamespace: str


class GrafanaSidecar(TypedDict):
    """What is collected for Grafana."""

    dashboards: DashboardsSidecar


class Grafana(TypedDict):
    """The Grafana of the stack."""

    admin: GrafanaAdmin
    sidecar: GrafanaSidecar


class KubePrometheusStackValues(TypedDict):
    """https://github.com/prometheus-community/helm-charts/tree/main/charts/kube-prometheus-stack."""

    fullnameOverride: str
    prometheus: Prometheus
    grafana: Grafana
    kubeControllerManager: NotRequired[Enabled]
    kubeEtcd: NotRequired[Enabled]
    kubeProxy: NotRequired[Enabled]
    kubeScheduler: NotRequired[Enabled]


class AdapterPrometheus(TypedDict):
    """Whom prometheus-adapter asks."""

    url: str
    port: int


class AdapterRules(TypedDict):
    """What prometheus-adapter serves."""

    default: bool
    external: list[ExternalRule]


class PrometheusAdapterValues(TypedDict):
    """https://github.com/prometheus-community/helm-charts/tree/main/charts/prometheus-adapter."""

    prometheus: AdapterPrometheus
    rules: AdapterRules
