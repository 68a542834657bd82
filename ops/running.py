"""Read from the local cluster which stacks run, who deployed them, and which Service has a node port."""

from dataclasses import dataclass
from typing import Any

from ops.apply import FIELD_MANAGER
from ops.local.kubectl import Kubectl

INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
NAMESPACES_OF_STACKS = f"--selector=app.kubernetes.io/managed-by=slipway,{COMPONENT}!=monitoring"
"""Selects the namespaces of stacks, but not the extra namespace that a stack makes for Prometheus."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack that is on the cluster."""

    namespace: str
    is_applied: bool
    """Whether kubectl deployed it. If not, the Pulumi engine did."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The Service that a node port belongs to."""

    namespace: str
    name: str
    stack: str | None
    """The name of the stack, or None if the Service belongs to none."""


def stacks(kubectl: Kubectl) -> dict[str, Running]:
    """Return the stacks on the cluster by name, read from the labels of their namespaces."""
    found = kubectl.get("namespaces", NAMESPACES_OF_STACKS, "--show-managed-fields")["items"]
    return {
        metadata["labels"].get(INSTANCE, metadata["name"]): Running(
            namespace=metadata["name"],
            is_applied=any(field["manager"] == FIELD_MANAGER for field in metadata["managedFields"]),
        )
        for metadata in (namespace["metadata"] for namespace in found)
    }


def holder(kubectl: Kubectl, node_port: str) -> Holder | None:
    """Return the Service that has a node port, or None if the port is free."""
    for service in kubectl.get("services", "--all-namespaces")["items"]:
        if any(str(port.get("nodePort")) == node_port for port in service["spec"].get("ports", [])):
            return _holder(service["metadata"])
    return None


def _holder(metadata: dict[str, Any]) -> Holder:
    return Holder(
        namespace=metadata["namespace"],
        name=metadata["name"],
        stack=metadata.get("labels", {}).get(INSTANCE),
    )
