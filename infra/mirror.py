"""A registry with copies of all charts and images, for a cluster that reaches no other.

A copy has the path of its original below the mirror, without the original's host:
`quay.io/prometheus/prometheus` is `MIRROR/prometheus/prometheus`. This is what the values of charts can
express. A chart is an OCI artifact, `MIRROR/charts/NAME`: https://helm.sh/docs/topics/registries.
"""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

RELEASE = "kubernetes:helm.sh/v3:Release"
LIBRARY = "library"
"""Path of Docker's official images, such as `python`."""

CHARTS = "charts"

IMAGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    # The first two replace the registry of every image, and also those of the charts within the chart.
    "kube-prometheus-stack": (("global", "imageRegistry"), ""),
    "keda": (("global", "image", "registry"), ""),
    "prometheus-adapter": (("image", "repository"), "/prometheus-adapter/prometheus-adapter"),
    "nvidia-device-plugin": (("image", "repository"), "/nvidia/k8s-device-plugin"),
    "dcgm-exporter": (("image", "repository"), "/nvidia/k8s/dcgm-exporter"),
    "cluster-autoscaler": (("image", "repository"), "/autoscaling/cluster-autoscaler"),
}
"""By chart: the value that says where its images are, and what follows the mirror in it."""


def take_charts_from(mirror: str) -> None:
    """Take every chart that the program declares from now on, and its images, from a mirror.

    Args:
        mirror: `HOST[:PORT][/PATH]`.

    """

    def move(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != RELEASE:
            return None
        props = cast(dict[str, Any], args.props)
        chart = props["chart"]
        keys, path = IMAGES[chart]
        value: Any = f"{mirror}{path}"
        for key in reversed(keys):
            value = {key: value}
        moved = {
            **props,
            "chart": f"oci://{mirror}/{CHARTS}/{chart}",
            "repository_opts": None,
            "values": merged(props["values"], value),
        }
        return pulumi.ResourceTransformationResult(moved, args.opts)

    pulumi.runtime.register_stack_transformation(move)


def merged(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a chart with others added; objects in both are merged."""
    result = dict(values)
    for key, value in others.items():
        is_object = key in values and isinstance(value, Mapping)
        result[key] = merged(values[key], cast(Mapping[str, Any], value)) if is_object else value
    return result
