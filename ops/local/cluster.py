"""The local cluster, on whichever of its two roads this machine allows."""

import shutil
from functools import cache
from typing import Protocol

from ops.commands import output_of
from ops.errors import OperationError
from ops.local import from_modules, kind
from ops.local.kubectl import Kubectl


class Road(Protocol):
    """What `from_modules` and `kind` both are."""

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
        """Return what runs, for a person."""
        ...

    def kubectl(self) -> Kubectl:
        """Return the cluster's kubectl."""
        ...

    def buildx(self) -> list[str]:
        """Return the command that builds images for the cluster."""
        ...


@cache
def road() -> Road:
    """Return kind where Docker and kind are, else the cluster from package registries."""
    return kind if shutil.which("kind") and _docker_runs() else from_modules


def _docker_runs() -> bool:
    try:
        output_of(["docker", "info"])
    except OperationError:
        return False
    return True
