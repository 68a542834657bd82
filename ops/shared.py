"""kubectl for a cluster that others use as well, where it reaches it as the engine would."""

import shutil
from collections.abc import Callable
from pathlib import Path

from ops.commands import output_of
from ops.stack import Stack

Kubectl = Callable[..., str]
"""Runs kubectl with arguments, and returns what it printed. It raises OperationError if it fails."""


def kubectl_of(stack: Stack) -> Kubectl | None:
    """Return kubectl for a stack's cluster; None if it is not on PATH, or cannot reach the cluster."""
    if shutil.which("kubectl") is None or stack.get("cluster") != "kubeconfig" or stack.get("clusterStack"):
        return None
    kubeconfig, context = stack.get("kubeconfig"), stack.get("kubeContext")
    command = [
        "kubectl",
        *(["--kubeconfig", str(Path(kubeconfig).expanduser())] if kubeconfig else []),
        *(["--context", context] if context else []),
    ]
    return lambda *arguments: output_of([*command, *arguments])
