"""Prometheus and Grafana for a cluster that has none, and what lets its autoscalers ask Prometheus."""

from dataclasses import dataclass
from decimal import Decimal

import pulumi
from pulumi_kubernetes.core.v1 import Namespace, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.autoscaling import ExternalRule, adapter_rule, prometheus_url
from infra.charts import (
    KEDA,
    KUBE_PROMETHEUS_STACK,
    PROMETHEUS_ADAPTER,
    KubePrometheusStackValues,
    PrometheusAdapterValues,
)
from infra.cluster import Cluster
from infra.labels import COMPONENT, MONITORING, PART_OF
from infra.settings import Settings
from infra.settings.values import mebibytes

NAME = "monitoring"
ADMIN = "admin"
USER_KEY, PASSWORD_KEY = "admin-user", "admin-password"

DASHBOARD_LABEL = ("grafana_dashboard", "1")
"""By which Grafana finds the ConfigMaps that hold dashboards; the one that the chart uses by itself."""

STORAGE_OF_A_NODE = "20Gi"
"""What samples may take of the disk of a node, which others need, too."""

RETAINED_SHARE = Decimal("0.8")
"""Of the storage; beyond it the oldest samples go. The rest is for what is not counted:
https://prometheus.io/docs/prometheus/latest/storage/#right-sizing-retention-size
"""

HIDDEN_BY_CLOUDS = ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")
"""What clouds run out of sight. Left on, an alert says of each for ever that it is down."""


@dataclass(frozen=True, kw_only=True)
class MonitoringStackArgs:
    """Where it is, how long it remembers, and who may see it."""

    namespace: str
    grafana_admin_password: pulumi.Output[str]
    retention_days: int
    storage: str | None
    """The size of its volume. None is the disk of a node."""

    is_cloud: bool
    has_keda: bool
    adapter_rule: ExternalRule | None
    """What prometheus-adapter serves. None is no adapter."""

    prometheus_url: str

    @classmethod
    def of(cls, settings: Settings) -> "MonitoringStackArgs":
        """Take from the settings what concerns it.

        Raises:
            ValueError: `monitoring` is not `install`.

        """
        if settings.monitoring != "install" or settings.grafana_admin_password is None:
            raise ValueError(f"monitoring is {settings.monitoring}: there is nothing to install")
        return cls(
            namespace=settings.monitoring_namespace,
            grafana_admin_password=settings.grafana_admin_password,
            retention_days=settings.slo_window_days,
            storage=settings.prometheus_storage,
            is_cloud=settings.cloud is not None,
            has_keda=settings.autoscaling_backend == "keda",
            adapter_rule=adapter_rule(settings),
            prometheus_url=prometheus_url(settings),
        )


def monitoring_stack(settings: Settings, cluster: Cluster) -> "MonitoringStack | None":
    """Declare what the settings ask to install in a cluster; None where that is nothing."""
    if settings.monitoring != "install":
        return None
    opts = pulumi.ResourceOptions(providers=[cluster.provider])
    return MonitoringStack(NAME, MonitoringStackArgs.of(settings), opts)


class MonitoringStack(pulumi.ComponentResource):
    """kube-prometheus-stack, and KEDA or prometheus-adapter, as Helm releases in a namespace of their own.

    What others declare of the kinds that these define (ServiceMonitor, PrometheusRule, ScaledObject) depends
    on this component: it is made later and goes earlier, or its finalizers would wait for a controller that
    is gone. The definitions of kube-prometheus-stack stay when it goes, as Helm leaves them; `kubectl delete
    crd` removes them, and with them all that anyone has declared of their kinds.

    Without a volume, which not every cluster has, Prometheus keeps its samples on the disk of its node: on
    another node it starts anew, and so does what is left of the budgets.

    """

    def __init__(
        self, name: str, args: MonitoringStackArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("slipway:infra:MonitoringStack", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = {**PART_OF, COMPONENT: MONITORING}
        namespace = Namespace(
            f"{name}-namespace",
            metadata=ObjectMetaArgs(
                name=args.namespace,
                # The exporter of the nodes' metrics looks at the nodes themselves.
                labels={**labels, "pod-security.kubernetes.io/enforce": "privileged"},
            ),
            opts=child,
        ).metadata["name"]
        admin = Secret(
            f"{name}-grafana-admin",
            # Named by the engine and never changed: another password is another Secret, and another Grafana.
            metadata=ObjectMetaArgs(namespace=namespace, labels=labels),
            immutable=True,
            string_data={USER_KEY: ADMIN, PASSWORD_KEY: pulumi.Output.secret(args.grafana_admin_password)},
            opts=child,
        )
        stack = KUBE_PROMETHEUS_STACK.release(name, namespace, _stack_values(args, admin), child)
        after = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[stack]))
        if args.has_keda:
            KEDA.release(name, namespace, {}, after)
        if args.adapter_rule:
            PROMETHEUS_ADAPTER.release(name, namespace, _adapter_values(args, args.adapter_rule), after)
        self.register_outputs({})


def _stack_values(args: MonitoringStackArgs, admin: Secret) -> KubePrometheusStackValues:
    label, value = DASHBOARD_LABEL
    values: KubePrometheusStackValues = {
        "fullnameOverride": KUBE_PROMETHEUS_STACK.name,
        "prometheus": {
            "prometheusSpec": {
                # As far back as the objectives look.
                "retention": f"{args.retention_days}d",
                "retentionSize": f"{_retained(args.storage or STORAGE_OF_A_NODE)}MB",
                # Everything that is declared counts, whether or not it names this release.
                "podMonitorSelectorNilUsesHelmValues": False,
                "probeSelectorNilUsesHelmValues": False,
                "ruleSelectorNilUsesHelmValues": False,
                "scrapeConfigSelectorNilUsesHelmValues": False,
                "serviceMonitorSelectorNilUsesHelmValues": False,
            }
        },
        "grafana": {
            "admin": {
                "existingSecret": admin.metadata["name"].apply(str),
                "userKey": USER_KEY,
                "passwordKey": PASSWORD_KEY,
            },
            "sidecar": {"dashboards": {"label": label, "labelValue": value, "searchNamespace": "ALL"}},
        },
    }
    if args.storage:
        values["prometheus"]["prometheusSpec"]["storageSpec"] = {
            "volumeClaimTemplate": {
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": args.storage}},
                }
            }
        }
    if args.is_cloud:
        for part in HIDDEN_BY_CLOUDS:
            values[part] = {"enabled": False}
    return values


def _retained(storage: str) -> int:
    """Return mebibytes, which Prometheus calls MB."""
    return int(RETAINED_SHARE * mebibytes(storage))


def _adapter_values(args: MonitoringStackArgs, rule: ExternalRule) -> PrometheusAdapterValues:
    return {
        # The port is a part of the URL.
        "prometheus": {"url": args.prometheus_url, "port": 0},
        "rules": {"default": False, "external": [rule]},
    }
