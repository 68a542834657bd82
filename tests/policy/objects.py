"""Kubernetes objects that keep the rules, as a starting point for those that break them."""

import copy
from collections.abc import Mapping
from typing import Any

from policy.rules.resource import Resource

DIGEST = "ghcr.io/acme/cats@sha256:" + "0" * 64
LABELS = {"app": "cats"}

CONTAINER: Mapping[str, Any] = {
    "name": "server",
    "image": DIGEST,
    "resources": {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    },
    "livenessProbe": {"httpGet": {"path": "/health/live", "port": "http"}},
    "readinessProbe": {"httpGet": {"path": "/health/ready", "port": "http"}},
    "securityContext": {"runAsNonRoot": True},
}


def container(**changed: Any) -> dict[str, Any]:
    """Return a container that keeps the rules, with other properties; None removes one."""
    merged = {**copy.deepcopy(dict(CONTAINER)), **changed}
    return {key: value for key, value in merged.items() if value is not None}


def kubernetes(kind: str, name: str = "cats", **properties: Any) -> Resource:
    """Return an object of a kind. What is not its metadata is its specification, except for `data`."""
    metadata = {"name": name, **properties.pop("metadata", {})}
    content = {"data": properties.pop("data")} if "data" in properties else {}
    return Resource(
        name=name,
        properties={"apiVersion": "v1", "kind": kind, "metadata": metadata, **content, "spec": properties},
    )


def workload(*containers: dict[str, Any], kind: str = "Deployment", **spec: Any) -> Resource:
    """Return a workload with some containers, or with one that keeps the rules."""
    pod = {"containers": [*containers] or [container()], **spec.pop("pod", {})}
    return kubernetes(kind, template={"metadata": {"labels": LABELS}, "spec": pod}, **spec)
