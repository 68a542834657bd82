"""Record the machine's kernel settings, cgroups and firewall rules, and restore them after the cluster."""

import json
from contextlib import suppress
from pathlib import Path

from ops.commands import output_of
from ops.errors import OperationError
from ops.local import firewall, network
from ops.local.paths import CACHE, STATE

SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Kernel settings that the kubelet and kube-proxy change."""

_PROC = Path("/proc/sys")
_CGROUPS = Path("/sys/fs/cgroup")
_RECORD = STATE / "machine.json"


def record() -> None:
    """Record what `restore` puts back, and turn on IP forwarding for the pods.

    Raises:
        OperationError: another Kubernetes has firewall rules on this machine.

    """
    sysctls = {name: (_PROC / name).read_text() for name in SYSCTLS if (_PROC / name).exists()}
    cgroups = [str(path) for path in _cgroups()]
    _RECORD.write_text(json.dumps({"sysctls": sysctls, "cgroups": cgroups, "rules": firewall.read_rules()}))
    (_PROC / "net/ipv4/ip_forward").write_text("1")


def restore() -> None:
    """Remove mounts, the bridge, firewall rules and cgroups, and put kernel settings back."""
    unmount(STATE)
    unmount(CACHE)
    if not _RECORD.exists():
        return
    recorded = json.loads(_RECORD.read_text())
    network.remove_bridge()
    firewall.remove_cluster_rules(recorded["rules"])
    for path in reversed(_cgroups()):
        if str(path) not in recorded["cgroups"]:
            with suppress(OSError):
                path.rmdir()
    for name, value in recorded["sysctls"].items():
        (_PROC / name).write_text(value)


def unmount(folder: Path) -> None:
    """Unmount everything that is mounted below a folder, the deepest mount first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted(mounts, key=len, reverse=True):
        if mount.startswith(f"{folder}/"):
            with suppress(OperationError):
                output_of(["umount", "--lazy", mount])


def _cgroups() -> list[Path]:
    return sorted(path for path in _CGROUPS.glob("**/") if path != _CGROUPS)
