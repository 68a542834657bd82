"""Choose how the local cluster runs on this machine: by kind, or from Go modules."""

import shutil
from functools import cache
from typing import Protocol

from ops.commands import output_of
from ops.errors import OperationError
from ops.local import from_modules, kind
from ops.local.kubectl import Kubectl


class ClusterDriver(Protocol):
    """The functions that the modules `from_modules` and `kind` both have."""

    def up(self) -> bool:
        """Start the cluster and wait until it is healthy; tell whether it is a new one."""
        ...

    def down(self) -> None:
        """Stop the cluster; leave nothing of it but caches."""
        ...

    def healthy(self) -> bool:
        """Tell whether the cluster runs as it should."""
        ...

    def status(self) -> str:
        """Describe what runs, in lines for a person to read."""
        ...

    def kubectl(self) -> Kubectl:
        """Return the cluster's kubectl."""
        ...

    def buildx(self) -> list[str]:
        """Return the command that builds images for the cluster."""
        ...


@cache
def driver() -> ClusterDriver:
    """Return `kind` if Docker runs and kind is installed, else `from_modules`."""
    return kind if shutil.which("kind") and _docker_runs() else from_modules


def _docker_runs() -> bool:
    try:
        output_of(["docker", "info"])
    except OperationError:
        return False
    return True
