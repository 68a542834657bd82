"""The metrics that the server and the cluster export, with their labels."""

from types import SimpleNamespace
from typing import Any, cast

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.serving.metrics import Metrics, ModelMetrics

TARGET = {"namespace", "service", "pod", "container", "endpoint", "instance", "job"}
"""What prometheus-operator adds to each series of a ServiceMonitor."""

OF_A_POD = {"namespace", "pod", "container"}
OF_A_METRIC = {"namespace", "horizontalpodautoscaler", "metric_name", "metric_target_type"}
OF_A_CERTIFICATE = {"name", "namespace", "exported_namespace", "issuer_name", "issuer_kind", "issuer_group"}
OF_A_GPU = {
    "Hostname",
    "gpu",
    "UUID",
    "device",
    "modelName",
    "namespace",
    "exported_namespace",
    "pod",
    "exported_pod",
}

CLUSTER: dict[str, set[str]] = {
    "certmanager_certificate_expiration_timestamp_seconds": OF_A_CERTIFICATE,
    "certmanager_certificate_renewal_timestamp_seconds": OF_A_CERTIFICATE,
    "container_cpu_usage_seconds_total": OF_A_POD | {"cpu"},
    "container_cpu_cfs_periods_total": OF_A_POD,
    "container_cpu_cfs_throttled_periods_total": OF_A_POD,
    "container_memory_working_set_bytes": OF_A_POD,
    "kube_deployment_spec_replicas": {"namespace", "deployment"},
    "kube_deployment_status_replicas_ready": {"namespace", "deployment"},
    "kube_horizontalpodautoscaler_spec_max_replicas": {"namespace", "horizontalpodautoscaler"},
    "kube_horizontalpodautoscaler_spec_min_replicas": {"namespace", "horizontalpodautoscaler"},
    "kube_pod_container_resource_limits": OF_A_POD | {"node", "resource", "unit", "uid"},
    "kube_pod_container_status_restarts_total": OF_A_POD | {"uid"},
    "kube_horizontalpodautoscaler_spec_target_metric": OF_A_METRIC,
    "kube_horizontalpodautoscaler_status_target_metric": OF_A_METRIC,
    "kube_horizontalpodautoscaler_status_condition": {
        "namespace",
        "horizontalpodautoscaler",
        "condition",
        "status",
    },
    "kube_replicaset_created": {"namespace", "replicaset"},
    "DCGM_FI_DEV_FB_FREE": OF_A_GPU,
    "DCGM_FI_DEV_FB_USED": OF_A_GPU,
    "DCGM_FI_DEV_GPU_UTIL": OF_A_GPU,
    "DCGM_FI_DEV_POWER_USAGE": OF_A_GPU,
}
"""What cAdvisor, kube-state-metrics, cert-manager and the DCGM exporter export, as documented."""


def server() -> dict[str, set[str]]:
    """Return the labels of each metric that the server exports, when a ServiceMonitor scrapes it."""
    metrics = Metrics()
    signature = cast(Any, SimpleNamespace(name="tiny", version="0123456789ab"))
    ModelMetrics(metrics, signature, lambda: True)
    # Prometheus adds it at every scrape.
    exported: dict[str, set[str]] = {"up": set(TARGET)}
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            exported.setdefault(sample.name, set(TARGET)).update(sample.labels)
    return exported
