"""Which declared objects `make up` without the engine could not remove again."""

from collections.abc import Iterable
from typing import Any

from ops.apply import CUSTOM_PRUNED, PRUNED

KEPT = {"ClusterRole", "ClusterRoleBinding", "Namespace", "Secret", "StorageClass"}
"""Kinds that need no pruning: the namespace stays, and a stack with secrets or Helm releases, or in a cloud,
is left to the engine."""


def left_behind(manifests: Iterable[dict[str, Any]]) -> set[str]:
    """Return the kinds among Kubernetes objects that `ops/apply.py` would not prune."""
    kinds = {manifest["kind"] for manifest in manifests if "kind" in manifest and "metadata" in manifest}
    return kinds - KEPT - {*PRUNED, *CUSTOM_PRUNED}
