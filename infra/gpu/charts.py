"""NVIDIA's Helm charts for GPU nodes: the device plugin, and the exporter of GPU metrics."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.helm.v3 import Release

from infra.clouds import Taint
from infra.gpu.nodes import LABELS
from infra.helm import Chart

DEVICE_PLUGIN = Chart(
    name="nvidia-device-plugin",
    version="0.20.0",
    repository="https://nvidia.github.io/k8s-device-plugin",
)
DCGM_EXPORTER = Chart(
    name="dcgm-exporter",
    version="4.8.2",
    repository="https://nvidia.github.io/dcgm-exporter/helm-charts",
)


def device_plugin(name: str, taints: Sequence[Taint], opts: pulumi.ResourceOptions) -> Release:
    """Declare the device plugin, which makes GPUs a resource. It finds the nodes by their label."""
    return DEVICE_PLUGIN.release(name, "kube-system", {"tolerations": _tolerations(taints)}, opts)


def dcgm_exporter(
    name: str,
    taints: Sequence[Taint],
    namespace: str,
    labels: Mapping[str, str],
    driver_folder: str | None,
    opts: pulumi.ResourceOptions,
) -> Release:
    """Declare the exporter of GPU metrics, with its ServiceMonitor: https://github.com/NVIDIA/dcgm-exporter.

    Args:
        name: Prefix of the resource name.
        taints: Taints of the GPU nodes.
        namespace: Where the exporter runs.
        labels: Labels of the ServiceMonitor, by which a Prometheus selects it.
        driver_folder: Folder of the driver on a node, where the container runtime does not mount it.
        opts: Options of the release.

    """
    values: dict[str, object] = {
        "nodeSelector": dict(LABELS),
        "tolerations": _tolerations(taints),
        # The chart's default is a class for what a node cannot work without; GKE allows it only in
        # kube-system.
        "priorityClassName": "",
        "serviceMonitor": {"enabled": True, "additionalLabels": dict(labels)},
    }
    if driver_folder:
        # https://cloud.google.com/stackdriver/docs/managed-prometheus/exporters/nvidia-dcgm
        values |= {
            # Helm merges this with the chart's default, whose `allowPrivilegeEscalation: false` Kubernetes
            # refuses in a privileged container.
            "securityContext": {"privileged": True, "allowPrivilegeEscalation": True},
            "extraHostVolumes": [{"name": "nvidia", "hostPath": driver_folder}],
            "extraVolumeMounts": [{"name": "nvidia", "mountPath": "/usr/local/nvidia", "readOnly": True}],
            "extraEnv": [{"name": "LD_LIBRARY_PATH", "value": "/usr/local/nvidia/lib64"}],
        }
    return DCGM_EXPORTER.release(name, namespace, values, opts)


def _tolerations(taints: Sequence[Taint]) -> list[dict[str, str]]:
    return [
        {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}
        for taint in taints
    ]
