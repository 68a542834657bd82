"""The recommended labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels."""

from collections.abc import Mapping

PART_OF: Mapping[str, str] = {
    "app.kubernetes.io/part-of": "slipway",
    "app.kubernetes.io/managed-by": "slipway",
}

INSTANCE = "app.kubernetes.io/instance"
"""Label with the name of the stack that an object belongs to."""

ARCHITECTURE = "kubernetes.io/arch"
"""Label that the kubelet gives its node: https://kubernetes.io/docs/reference/labels-annotations-taints."""

COMPONENT = "app.kubernetes.io/component"
MODEL_SERVER, MONITORING = "model-server", "monitoring"
"""Values of the label `COMPONENT`: objects that serve, and objects that monitor."""


def selector(name: str, instance: str) -> dict[str, str]:
    """Return the labels that select a model's pods. They stay the same when the version changes."""
    return {"app.kubernetes.io/name": name, INSTANCE: instance}


def labels(name: str, instance: str, version: str, component: str = MODEL_SERVER) -> dict[str, str]:
    """Return the labels of an object that belongs to one version of a model."""
    return {
        **selector(name, instance),
        **PART_OF,
        "app.kubernetes.io/version": version,
        COMPONENT: component,
    }
