"""What NVIDIA runs on nodes with GPUs: the plugin that makes them a resource, and their metrics."""

import pulumi
from pulumi_kubernetes.helm.v3 import Release

from infra.gpu.nodes import LABEL
from infra.gpu.pool import GpuNodePoolArgs
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

GKE_DRIVER = "/home/kubernetes/bin/nvidia"
"""Where GKE's nodes have the driver, which no container runtime there hands on to a container."""


def device_plugin(name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions) -> Release:
    """Declare the device plugin. It finds the nodes by their label."""
    return DEVICE_PLUGIN.release(name, "kube-system", {"tolerations": _tolerations(args)}, opts)


def dcgm_exporter(name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions, *, is_gke: bool) -> Release:
    """Declare the exporter of the GPUs' metrics, with its ServiceMonitor.

    https://github.com/NVIDIA/dcgm-exporter

    """
    values: dict[str, object] = {
        "nodeSelector": dict([LABEL]),
        "tolerations": _tolerations(args),
        # Its class is kept for what a node can't be without; GKE allows it in kube-system alone.
        "priorityClassName": "",
        "serviceMonitor": {"enabled": True},
    }
    if is_gke:
        # https://cloud.google.com/stackdriver/docs/managed-prometheus/exporters/nvidia-dcgm
        values |= {
            "securityContext": {"privileged": True},
            "extraHostVolumes": [{"name": "nvidia", "hostPath": GKE_DRIVER}],
            "extraVolumeMounts": [{"name": "nvidia", "mountPath": "/usr/local/nvidia", "readOnly": True}],
            "extraEnv": [{"name": "LD_LIBRARY_PATH", "value": "/usr/local/nvidia/lib64"}],
        }
    return DCGM_EXPORTER.release(name, args.monitoring_namespace, values, opts)


def _tolerations(args: GpuNodePoolArgs) -> list[dict[str, str]]:
    return [
        {"key": key, "operator": "Equal", "value": value, "effect": effect}
        for key, value, effect in args.taints
    ]
