"""What the settings of a stack say about its address."""

import json
from typing import Any

from ops.config_yaml import as_text
from ops.stack import NAMESPACE, Stack

ASKED_BY_OTHERS = ("ClusterIP", "Ingress", "Gateway")
"""Types whose clients are in the cluster, or need a name and a certificate that others provide."""


def has_address(stack: Stack) -> bool:
    """Tell whether this machine can ask the service once it is deployed."""
    kind = _setting(stack, "type", formerly="serviceType")
    # The address of a node is known only for the local cluster.
    return kind not in ASKED_BY_OTHERS and (kind != "NodePort" or stack.is_local)


def node_port(stack: Stack) -> str | None:
    """Return the port of a stack on the nodes; None if the cluster chooses it or there is none."""
    return _setting(stack, "nodePort", formerly="nodePort")


def _setting(stack: Stack, name: str, *, formerly: str) -> str | None:
    """Return a setting of the group, or of the flat key that it had; None if the stack does not set it."""
    group: dict[str, Any] = json.loads(stack.get("exposure"))
    return as_text(group[name]) if name in group else stack.config.get(f"{NAMESPACE}:{formerly}")
