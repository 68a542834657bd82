"""The cluster's programs that Debian and Ubuntu package: installed by apt where they are missing."""

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
"""By a program or a file that each brings. The names are those of Debian 12 and 13 and Ubuntu 24.04."""

SERVICE = "docker-registry"
"""Its package also starts a registry, at the port that the cluster's own registry needs."""

_SYSTEMD = Path("/run/systemd/system")
"""Is there where systemd runs: https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html."""


def missing_packages() -> list[str]:
    """Return the names of the packages that are not installed yet, sorted."""
    return sorted(package for what, package in PACKAGES.items() if not _is_there(what))


def install_packages() -> None:
    """Install the packages that are missing.

    Raises:
        OperationError: this is neither Debian nor Ubuntu, or apt failed.

    """
    missing = missing_packages()
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise OperationError(f"install these first (there is no apt here): {', '.join(missing)}")
    with step(f"install from apt: {', '.join(missing)}"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        output_of(["apt-get", "update"], env=env)
        output_of(["apt-get", "install", "--yes", "--no-install-recommends", *missing], env=env)
        if SERVICE in missing and _SYSTEMD.is_dir():
            output_of(["systemctl", "disable", "--now", SERVICE])


def _is_there(what: str) -> bool:
    return Path(what).exists() if what.startswith("/") else shutil.which(what) is not None
