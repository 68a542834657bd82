"""Prometheus and Grafana for a cluster without them, and the bridge from Prometheus to the autoscaler."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.autoscaling import ExternalRule, adapter_rules, prometheus_url
from infra.charts import (
    KEDA,
    KUBE_PROMETHEUS_STACK,
    PROMETHEUS_ADAPTER,
    ClaimSpec,
    GrafanaValues,
    KedaValues,
    KubePrometheusStackValues,
    PrometheusAdapterValues,
    Resources,
    StorageSpec,
)
from infra.clouds import CLOUDS
from infra.grafana import grafana
from infra.labels import COMPONENT, INSTANCE, MONITORING, PART_OF
from infra.settings import Settings
from infra.settings.values import mebibytes

NODE_STORAGE = "20Gi"
"""How much of a node's disk the samples may use. Others need the disk as well."""

RETAINED_SHARE = Decimal("0.8")
"""The share of the storage at which the oldest samples are deleted. Prometheus does not count everything it
stores: https://prometheus.io/docs/prometheus/latest/storage/#right-sizing-retention-size
"""

KEDA_VALUES: KedaValues = {"crds": {"additionalAnnotations": {"helm.sh/resource-policy": "keep"}}}
"""If Helm deleted the definitions of KEDA's kinds, the ScaledObjects of all other stacks would go too."""

CONTROL_PLANE = ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")
"""Components that Prometheus does not reach on most clusters. Each that is watched and not reached causes an
alert that it is down."""

BUSYBOX = "1.37.0"
"""Version of the image that unpacks the definitions of the chart's kinds. The chart's default is `latest`."""


PROMETHEUS_RESOURCES: Resources = {
    "requests": {"cpu": "200m", "memory": "512Mi"},
    "limits": {"memory": "4Gi"},
}
"""Prometheus needs about 2 GiB for half a million series, more while it replays its log after a restart."""

ALERTMANAGER_RESOURCES: Resources = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"memory": "128Mi"},
}
OPERATOR_RESOURCES: Resources = {
    "requests": {"cpu": "20m", "memory": "64Mi"},
    "limits": {"memory": "256Mi"},
}
ADAPTER_RESOURCES: Resources = {
    "requests": {"cpu": "20m", "memory": "64Mi"},
    "limits": {"memory": "512Mi"},
}

ALERTMANAGER_STORAGE = "1Gi"
"""Size of the volume for silences, and for what was told to whom."""


@dataclass(frozen=True, kw_only=True)
class MonitoringStackArgs:
    """Where the charts are installed, how long samples are kept, and Grafana's password."""

    namespace: str
    creates_namespace: bool
    """Whether the namespace is created. Otherwise it exists, and stays as it is."""

    instance: str
    """Name of the stack that the namespace belongs to."""

    grafana_admin_password: pulumi.Output[str]
    retention_days: int
    storage: str | None
    """Size of Prometheus' volume, a Kubernetes quantity. None means the disk of a node."""

    has_control_plane: bool
    """Whether the control plane is watched."""

    has_kube_dns: bool
    """Whether kube-dns resolves names in the cluster, and not CoreDNS."""

    has_keda: bool
    """Whether KEDA is installed."""

    adapter_rules: Sequence[ExternalRule]
    """The rules of prometheus-adapter. Without any, no adapter is installed."""

    prometheus_url: str
    """Address of Prometheus from within the cluster."""

    @classmethod
    def of(cls, models: Sequence[Settings], instance: str) -> "MonitoringStackArgs":
        """Take from the settings of the stack's models what concerns the monitoring stack.

        Raises:
            ValueError: `monitoring` is not `install`.

        """
        settings = models[0]
        if settings.monitoring != "install" or settings.grafana_admin_password is None:
            raise ValueError(f"monitoring is {settings.monitoring}: nothing is installed")
        return cls(
            namespace=settings.monitoring_namespace,
            creates_namespace=settings.create_monitoring_namespace,
            instance=instance,
            grafana_admin_password=settings.grafana_admin_password,
            retention_days=max(model.slo_window_days for model in models),
            storage=settings.prometheus_storage,
            has_control_plane=settings.monitor_control_plane,
            has_kube_dns=settings.cluster_cloud is not None and CLOUDS[settings.cluster_cloud].has_kube_dns,
            has_keda=any(model.autoscaling_backend == "keda" for model in models),
            adapter_rules=adapter_rules(models),
            prometheus_url=prometheus_url(settings),
        )


class MonitoringStack(pulumi.ComponentResource):
    """kube-prometheus-stack, and KEDA or prometheus-adapter, as Helm releases in a namespace of their own.

    The charts define the kinds ServiceMonitor, PrometheusRule and ScaledObject. Resources of these kinds must
    depend on this component: then they are created after it and deleted before it. Otherwise their finalizers
    would wait for a controller that no longer runs. Helm does not delete the definitions of the kinds;
    `kubectl delete crd` does, together with every object of these kinds.

    Without a volume, which not every cluster offers, Prometheus keeps its samples on the disk of its node.
    When it moves to another node, samples and error budgets start anew.

    """

    def __init__(
        self, name: str, args: MonitoringStackArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("slipway:infra:MonitoringStack", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = {**PART_OF, INSTANCE: args.instance, COMPONENT: MONITORING}
        namespace: pulumi.Input[str] = args.namespace
        if args.creates_namespace:
            namespace = Namespace(
                f"{name}-namespace",
                metadata=ObjectMetaArgs(
                    name=args.namespace,
                    # The exporter of the nodes' metrics needs access to the node itself.
                    labels={**labels, "pod-security.kubernetes.io/enforce": "privileged"},
                ),
                opts=child,
            ).metadata["name"]
        values = _stack_values(args, grafana(name, namespace, labels, args.grafana_admin_password, child))
        stack = KUBE_PROMETHEUS_STACK.release(name, namespace, values, child)
        after = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[stack]))
        if args.has_keda:
            KEDA.release(name, namespace, KEDA_VALUES, after)
        if args.adapter_rules:
            PROMETHEUS_ADAPTER.release(name, namespace, _adapter_values(args), after)
        self.register_outputs({})


def _stack_values(args: MonitoringStackArgs, grafana_values: GrafanaValues) -> KubePrometheusStackValues:
    values: KubePrometheusStackValues = {
        "fullnameOverride": KUBE_PROMETHEUS_STACK.name,
        # Helm itself never updates the definitions of kinds that it has installed.
        "crds": {"upgradeJob": {"enabled": True, "image": {"busybox": {"tag": BUSYBOX}}}},
        "prometheus": {
            "prometheusSpec": {
                # As long as the window of the objectives.
                "retention": f"{args.retention_days}d",
                "retentionSize": f"{_retention_mebibytes(args.storage or NODE_STORAGE)}MB",
                # Find objects of all releases, not only of this one.
                "podMonitorSelectorNilUsesHelmValues": False,
                "probeSelectorNilUsesHelmValues": False,
                "ruleSelectorNilUsesHelmValues": False,
                "scrapeConfigSelectorNilUsesHelmValues": False,
                "serviceMonitorSelectorNilUsesHelmValues": False,
                "resources": PROMETHEUS_RESOURCES,
            }
        },
        "prometheusOperator": {"resources": OPERATOR_RESOURCES},
        "alertmanager": {
            "alertmanagerSpec": {
                # Empty selectors find every AlertmanagerConfig of every namespace.
                "alertmanagerConfigSelector": {},
                "alertmanagerConfigNamespaceSelector": {},
                "resources": ALERTMANAGER_RESOURCES,
            }
        },
        "grafana": grafana_values,
    }
    if args.storage:
        values["prometheus"]["prometheusSpec"]["storageSpec"] = _claim(args.storage)
        values["alertmanager"]["alertmanagerSpec"]["storage"] = _claim(ALERTMANAGER_STORAGE)
    if not args.has_control_plane:
        for part in CONTROL_PLANE:
            values[part] = {"enabled": False}
    if args.has_kube_dns:
        values["coreDns"], values["kubeDns"] = {"enabled": False}, {"enabled": True}
    return values


def _claim(size: str) -> StorageSpec:
    spec: ClaimSpec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"volumeClaimTemplate": {"spec": spec}}


def _retention_mebibytes(storage: str) -> int:
    """Return the size of samples to keep, in mebibytes. Prometheus calls them MB."""
    return int(RETAINED_SHARE * mebibytes(storage))


def _adapter_values(args: MonitoringStackArgs) -> PrometheusAdapterValues:
    return {
        # The URL contains the port.
        "prometheus": {"url": args.prometheus_url, "port": 0},
        "rules": {"default": False, "external": [*args.adapter_rules]},
        "resources": ADAPTER_RESOURCES,
    }
