"""Install the programs of the cluster that Debian and Ubuntu package."""

import os
import shutil
from pathlib import Path

from ops.commands import output_of
from ops.errors import OperationError
from ops.progress import step

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "docker-registry": "docker-registry",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/bin/busybox": "busybox-static",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}
"""The package of each program or file, as it is named in Debian 12 and 13 and in Ubuntu 24.04."""

SERVICE = "docker-registry"
"""The service that its package starts, on the port that the cluster's own registry needs."""

_SYSTEMD = Path("/run/systemd/system")
"""Exists if systemd is running: https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html."""


def missing_packages() -> list[str]:
    """Return the names of the packages that are not installed yet, sorted."""
    return sorted(package for what, package in PACKAGES.items() if not _is_there(what))


def install_packages() -> None:
    """Install the packages that are missing.

    Raises:
        OperationError: there is no apt-get, or it failed.

    """
    missing = missing_packages()
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise OperationError(
            f"this machine has no apt-get: install these programs first: {', '.join(missing)}"
        )
    with step(f"install from apt: {', '.join(missing)}"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        output_of(["apt-get", "update"], env=env)
        output_of(["apt-get", "install", "--yes", "--no-install-recommends", *missing], env=env)
        if SERVICE in missing and _SYSTEMD.is_dir():
            output_of(["systemctl", "disable", "--now", SERVICE])


def _is_there(what: str) -> bool:
    return Path(what).exists() if what.startswith("/") else shutil.which(what) is not None
