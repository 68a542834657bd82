"""The folders and addresses of the local cluster. They belong to the machine, not to a checkout."""

import os
from pathlib import Path


def _home(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "slipway"


CACHE = _home("XDG_CACHE_HOME", ".cache")
"""Outlives the cluster: binaries, images, BuildKit's store. Safe to delete when the cluster is down."""

STATE = _home("XDG_STATE_HOME", ".local/state") / "cluster"
"""The running cluster. Gone after `down`."""

LOGS = _home("XDG_STATE_HOME", ".local/state") / "logs"
"""One file a process, kept after `down` to tell what went wrong."""

KUBECONFIG = Path.home() / ".kube" / "slipway-local"
"""How the cluster is reached. `Pulumi.dev.yaml` names it as well."""

CONTEXT = "slipway-local"

REGISTRY_PORT = 5050
"""Not the registry's own 5000, which AirPlay takes on macOS."""

REGISTRY = f"127.0.0.1:{REGISTRY_PORT}"
"""The local stacks name it as well, and so they do the context and the builder."""

BUILDER = "slipway"
