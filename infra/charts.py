"""The Helm charts for monitoring: their sources, and types for the values that are set here.

The values are typed because Helm ignores a key that its chart does not know. A test compares the types with
the charts, where these are available.
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
    """Whether a part of the chart is installed."""

    enabled: bool


class Amounts(TypedDict):
    """CPU and memory, in Kubernetes quantities."""

    cpu: NotRequired[str]
    memory: str


class Resources(TypedDict):
    """Resources of a container. CPU has no limit: a part that is held back misses what it measures."""

    requests: Amounts
    limits: Amounts


class Requests(TypedDict):
    """Requested resources of a volume claim."""

    storage: str


class ClaimedResources(TypedDict):
    """Resources of a volume claim."""

    requests: Requests


class ClaimSpec(TypedDict):
    """https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1."""

    accessModes: list[str]
    resources: ClaimedResources


class VolumeClaimTemplate(TypedDict):
    """The volume claim of each Prometheus."""

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
    resources: Resources
    storageSpec: NotRequired[StorageSpec]


class Prometheus(TypedDict):
    """Values of Prometheus."""

    prometheusSpec: PrometheusSpec


class AlertmanagerSpec(TypedDict):
    """https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.AlertmanagerSpec."""

    alertmanagerConfigSelector: dict[str, str]
    alertmanagerConfigNamespaceSelector: dict[str, str]
    resources: Resources
    storage: NotRequired[StorageSpec]


class Alertmanager(TypedDict):
    """Values of Alertmanager."""

    alertmanagerSpec: AlertmanagerSpec


class PrometheusOperator(TypedDict):
    """Values of the operator."""

    resources: Resources


class GrafanaAdmin(TypedDict):
    """The Secret with Grafana's administrator."""

    existingSecret: pulumi.Output[str]
    userKey: str
    passwordKey: str


class DashboardsSidecar(TypedDict):
    """The label of ConfigMaps with dashboards."""

    label: str
    labelValue: str
    searchNamespace: str
    resource: str


class DatasourcesSidecar(TypedDict):
    """The kind of objects with data sources."""

    resource: str


class GrafanaSidecar(TypedDict):
    """Values of the container that collects dashboards for Grafana."""

    dashboards: DashboardsSidecar
    datasources: DatasourcesSidecar


class Created(TypedDict):
    """Whether the chart creates something."""

    create: bool


class Named(TypedDict):
    """The name of an object."""

    name: str


class GrafanaValues(TypedDict):
    """Values of Grafana."""

    admin: GrafanaAdmin
    rbac: Created
    serviceAccount: Named
    sidecar: GrafanaSidecar
    resources: Resources


class ImageTag(TypedDict):
    """The tag of an image."""

    tag: str


class UpgradeImages(TypedDict):
    """The images of the job that updates definitions."""

    busybox: ImageTag


class UpgradeJob(TypedDict):
    """The job that updates the definitions of the chart's kinds before each upgrade."""

    enabled: bool
    image: UpgradeImages


class Definitions(TypedDict):
    """The definitions of the chart's kinds."""

    upgradeJob: UpgradeJob


class KubePrometheusStackValues(TypedDict):
    """https://github.com/prometheus-community/helm-charts/tree/main/charts/kube-prometheus-stack."""

    fullnameOverride: str
    crds: Definitions
    prometheus: Prometheus
    prometheusOperator: PrometheusOperator
    alertmanager: Alertmanager
    grafana: GrafanaValues
    coreDns: NotRequired[Enabled]
    kubeControllerManager: NotRequired[Enabled]
    kubeDns: NotRequired[Enabled]
    kubeEtcd: NotRequired[Enabled]
    kubeProxy: NotRequired[Enabled]
    kubeScheduler: NotRequired[Enabled]


ResourcePolicy = TypedDict("ResourcePolicy", {"helm.sh/resource-policy": str})
"""https://helm.sh/docs/howto/charts_tips_and_tricks/#tell-helm-not-to-uninstall-a-resource"""


class KedaDefinitions(TypedDict):
    """The definitions of KEDA's kinds."""

    additionalAnnotations: ResourcePolicy


class KedaValues(TypedDict):
    """https://github.com/kedacore/charts/tree/main/keda."""

    crds: KedaDefinitions


class AdapterPrometheus(TypedDict):
    """Address of the Prometheus that prometheus-adapter queries."""

    url: str
    port: int


class AdapterRules(TypedDict):
    """Rules of prometheus-adapter."""

    default: bool
    external: list[ExternalRule]


class PrometheusAdapterValues(TypedDict):
    """https://github.com/prometheus-community/helm-charts/tree/main/charts/prometheus-adapter."""

    prometheus: AdapterPrometheus
    rules: AdapterRules
    resources: Resources
