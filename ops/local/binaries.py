"""The programs of the cluster: Debian's from apt, the others from their Go modules, built once and kept."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ops.commands import output_of
from ops.errors import OperationError
from ops.local.paths import CACHE
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
}
"""Debian packages, by a program that each brings."""

MODULES = Path(__file__).parent / "go"
"""A folder a Go module; its go.mod pins the tools that it builds."""

BASE = ("buildkit", "buildx", "etcd", "kubernetes", "metrics-server")
"""The modules that every cluster runs. Others are built only where they are asked for."""

KUBERNETES = "v1.34.2"
"""As go.mod pins it: what is built from a module does not know its own version."""

_VERSION = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES.removeprefix("v").split(".")
STRIPPED = "-s -w"
LINKER_FLAGS = {
    "kubernetes": f"{STRIPPED} -X {_VERSION}.gitVersion={KUBERNETES} "
    f"-X {_VERSION}.gitMajor={_MAJOR} -X {_VERSION}.gitMinor={_MINOR}",
}
"""By module. Only Kubernetes may be told its version: another server would drop APIs that it dropped."""

TAGS = {"prometheus": "remove_all_sd,enable_kubernetes_sd"}
"""By module. Prometheus without the ways to discover targets in clouds, whose SDKs are most of its build."""


def install_packages() -> None:
    """Install the Debian packages that are missing.

    Raises:
        OperationError: this is not Debian or Ubuntu, or apt failed.

    """
    missing = sorted(package for program, package in PACKAGES.items() if not shutil.which(program))
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise OperationError(f"install these first (there is no apt here): {', '.join(missing)}")
    with step(f"install from apt: {', '.join(missing)}"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        output_of(["apt-get", "update"], env=env)
        output_of(["apt-get", "install", "--yes", "--no-install-recommends", *missing], env=env)


def build(names: Sequence[str]) -> Path:
    """Build the tools of Go modules that are not built yet; return the folder that holds them all.

    Raises:
        OperationError: there is no Go, or a build failed.

    """
    modules = [MODULES / name for name in names]
    if not shutil.which("go"):
        newest = max((_asks_for(module) for module in modules), key=_numbers)
        raise OperationError(f"the local cluster is built from Go modules: install Go {newest} or later")
    toolchain = output_of(["go", "env", "GOVERSION"])
    folder = CACHE / "bin" / _digest(modules, toolchain)
    folder.mkdir(parents=True, exist_ok=True)
    for module in modules:
        built = folder / f".{module.name}"
        if built.exists():
            continue
        with step(f"build {module.name} from Go modules (minutes, the first time)"):
            env = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
            flags = [
                f"-ldflags={LINKER_FLAGS.get(module.name, STRIPPED)}",
                f"-tags={TAGS.get(module.name, '')}",
            ]
            output_of(["go", "-C", module, "install", "-trimpath", *flags, "tool"], env=env)
        built.touch()
    return folder


def sources(module: str, package: str) -> Path:
    """Return the folder of a package's sources, in the version that a module pins.

    Raises:
        OperationError: they are not there, and cannot be downloaded.

    """
    found = output_of(["go", "-C", MODULES / module, "mod", "download", "-json", package])
    return Path(json.loads(found)["Dir"])


def _asks_for(module: Path) -> str:
    """Return the least version of Go that a module builds with."""
    lines = (module / "go.mod").read_text().splitlines()
    return next(line.removeprefix("go ") for line in lines if line.startswith("go "))


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _digest(modules: list[Path], toolchain: str) -> str:
    digest = hashlib.sha256(f"{toolchain} {LINKER_FLAGS}".encode())
    for module in modules:
        digest.update((module / "go.mod").read_bytes() + (module / "go.sum").read_bytes())
        digest.update(TAGS.get(module.name, "").encode())
    return digest.hexdigest()[:12]
