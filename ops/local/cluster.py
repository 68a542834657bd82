"""The local cluster, on whichever of its two roads this machine allows."""

import shutil

from ops.commands import output_of
from ops.errors import OperationError
from ops.local import from_modules, kind
from ops.progress import say


def up() -> None:
    """Start the cluster and wait until it is healthy."""
    _road().up()


def down() -> None:
    """Stop the cluster; leave nothing of it but caches."""
    _road().down()


def healthy() -> bool:
    """Tell whether the cluster runs as it should."""
    return _road().healthy()


def status() -> str:
    """Return what runs, for a person."""
    return _road().status()


def _road():  # noqa: ANN202 - one of two modules
    if shutil.which("kind") and _docker_runs():
        say("local cluster: kind, for Docker and kind are here")
        return kind
    return from_modules


def _docker_runs() -> bool:
    try:
        output_of(["docker", "info"])
    except OperationError:
        return False
    return True
