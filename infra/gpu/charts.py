"""What NVIDIA runs on nodes with GPUs: the plugin that makes them a resource, and their metrics."""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs

from infra.gpu.nodes import LABEL
from infra.gpu.pool import GpuNodePoolArgs

DEVICE_PLUGIN = ("nvidia-device-plugin", "0.20.0", "https://nvidia.github.io/k8s-device-plugin")
DCGM_EXPORTER = ("dcgm-exporter", "4.8.2", "https://nvidia.github.io/dcgm-exporter/helm-charts")
"""Chart, version and repository."""

GKE_DRIVER = "/home/kubernetes/bin/nvidia"
"""Where GKE's nodes have the driver, which no container runtime there hands on to a container."""


def device_plugin(name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions) -> Release:
    """Declare the device plugin. It finds the nodes by their label."""
    return _release(name, DEVICE_PLUGIN, "kube-system", {"tolerations": _tolerations(args)}, opts)


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
    return _release(name, DCGM_EXPORTER, args.monitoring_namespace, values, opts)


def _tolerations(args: GpuNodePoolArgs) -> list[dict[str, str]]:
    return [
        {"key": key, "operator": "Equal", "value": value, "effect": effect}
        for key, value, effect in args.taints
    ]


def _release(
    name: str,
    source: tuple[str, str, str],
    namespace: str,
    values: Mapping[str, object],
    opts: pulumi.ResourceOptions,
) -> Release:
    chart, version, repository = source
    return Release(
        f"{name}-{chart}",
        name=chart,
        namespace=namespace,
        chart=chart,
        version=version,
        repository_opts=RepositoryOptsArgs(repo=repository),
        values=values,
        opts=opts,
    )
