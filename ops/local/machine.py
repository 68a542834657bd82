"""What the cluster changes on the machine, noted before and put back after."""

import json
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from ops.commands import output_of
from ops.errors import OperationError
from ops.local.node import BRIDGE, CONTAINERD
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

OURS = re.compile(r"\b(KUBE|CNI)-")
"""Chains of kube-proxy, the kubelet and the CNI plugins, and the rules that jump to them."""

_PROC = Path("/proc/sys")
_CGROUPS = Path("/sys/fs/cgroup")
_NOTE = STATE / "machine.json"


def note() -> None:
    """Write down what will be put back, and let pods' packets through."""
    sysctls = {name: (_PROC / name).read_text() for name in SYSCTLS if (_PROC / name).exists()}
    cgroups = [str(path) for path in _cgroups()]
    _NOTE.write_text(json.dumps({"sysctls": sysctls, "cgroups": cgroups}))
    (_PROC / "net/ipv4/ip_forward").write_text("1")


def restore() -> None:
    """Remove mounts, interfaces, firewall rules and cgroups, and put kernel settings back."""
    unmount()
    _remove_interfaces()
    for family in ("iptables", "ip6tables"):
        _remove_rules(family)
    if not _NOTE.exists():
        return
    noted = json.loads(_NOTE.read_text())
    for path in reversed(_cgroups()):
        if str(path) not in noted["cgroups"]:
            with suppress(OSError):
                path.rmdir()
    for name, value in noted["sysctls"].items():
        (_PROC / name).write_text(value)


def unmount() -> None:
    """Unmount whatever was mounted below the cluster's folders, the deepest first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    ours = (str(STATE), str(CONTAINERD), str(CACHE))
    for mount in sorted(mounts, key=len, reverse=True):
        if mount.startswith(ours):
            with suppress(OperationError):
                output_of(["umount", "--lazy", mount])


def without_ours(rules: str) -> str:
    """Return what `iptables-save` printed, less the chains and rules of Kubernetes."""
    return "".join(line for line in rules.splitlines(keepends=True) if not OURS.search(line))


def _remove_rules(family: str) -> None:
    if not shutil.which(f"{family}-save"):
        return
    rules = output_of([f"{family}-save"])
    if (rest := without_ours(rules)) != rules:
        output_of([f"{family}-restore"], stdin=rest)


def _remove_interfaces() -> None:
    if (Path("/sys/class/net") / BRIDGE).exists():
        subprocess.run(["ip", "link", "delete", BRIDGE], check=False, capture_output=True)


def _cgroups() -> list[Path]:
    return sorted(path for path in _CGROUPS.glob("**/") if path != _CGROUPS)


def address() -> str:
    """Return the machine's first address that is not a loopback.

    Raises:
        OperationError: it has none.

    """
    addresses = [word for word in output_of(["hostname", "-I"]).split() if "." in word]
    if not addresses:
        raise OperationError("the machine has no address but 127.0.0.1, and a node needs one")
    return addresses[0]
