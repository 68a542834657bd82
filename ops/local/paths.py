"""The folders and addresses of the local cluster. They belong to the machine, not to a checkout."""

import os
from pathlib import Path


def _home(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "slipway"


CACHE = _home("XDG_CACHE_HOME", ".cache")
"""Programs, images and BuildKit's store, which outlive the cluster. Safe to delete when it is down."""

STATE = _home("XDG_STATE_HOME", ".local/state") / "cluster"
"""The files of the running cluster. `down` deletes them."""

LOGS = _home("XDG_STATE_HOME", ".local/state") / "logs"
"""A log for each process. They are kept after `down`."""

KUBECONFIG = Path.home() / ".kube" / "slipway-local"
"""The kubeconfig of the cluster. `Pulumi.dev.yaml` names it too."""

CONTEXT = "slipway-local"

REGISTRY_PORT = 5050
"""Not 5000, the registry's default, because AirPlay uses it on macOS."""

REGISTRY = f"127.0.0.1:{REGISTRY_PORT}"
"""The address of the registry. The local stacks name it too, as they name the context and the builder."""

BUILDER = "slipway"
