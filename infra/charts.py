"""The Helm charts that watch a cluster: where they come from, and the part of their values that is set here.

The values are typed, for Helm passes over a key that its chart does not know. A test holds the types against
the charts where they are at hand.
"""

from typing import NotRequired, TypedDict

import pulumi

from infra.autoscaling import ExternalRule
from infra.helm import Chart

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


class Requests(TypedDict):
    """What is asked of the cluster."""

    storage: str


class ClaimedResources(TypedDict):
    """How much is asked for."""

    requests: Requests


class ClaimSpec(TypedDict):
    """https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1."""

    accessModes: list[str]
    resources: ClaimedResources


class VolumeClaimTemplate(TypedDict):
    """The claim of each Prometheus."""

    spec: ClaimSpec


class StorageSpec(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.StorageSpec."""

    volumeClaimTemplate: VolumeClaimTemplate


class PrometheusSpec(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusSpec."""

    retention: str
    retentionSize: str
    podMonitorSelectorNilUsesHelmValues: bool
    probeSelectorNilUsesHelmValues: bool
    ruleSelectorNilUsesHelmValues: bool
    scrapeConfigSelectorNilUsesHelmValues: bool
    serviceMonitorSelectorNilUsesHelmValues: bool
    storageSpec: NotRequired[StorageSpec]


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
