"""Build the programs of the cluster from Go modules and keep them in the cache."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ops.commands import output_of
from ops.local.paths import CACHE
from ops.local.toolchain import Version, go, numbers
from ops.local.whole import made_whole, remove
from ops.progress import step

MODULES = Path(__file__).parent / "go"
"""A folder for each Go module; its go.mod pins the tools that it builds."""

CLUSTER = "cluster"
"""The module that every cluster runs. Other modules are built only on request."""

CHECKERS = ("prometheus", "alertmanager", "actionlint")
"""The modules of programs that only tests use: promtool, amtool and actionlint."""

KUBERNETES = "v1.34.2"
"""The version that go.mod pins. A program built from a module does not know its own version."""

PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubeadm",
    "kubectl",
    "kubelet",
)
"""The names under which the module's program `kubernetes` is run."""

_VERSION = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES.removeprefix("v").split(".")
STRIPPED = "-s -w"
_KUBERNETES_ONLY = (
    f"-ldflags=slipway.local/cluster/kubernetes={STRIPPED} -X {_VERSION}.gitVersion={KUBERNETES} "
    f"-X {_VERSION}.gitMajor={_MAJOR} -X {_VERSION}.gitMinor={_MINOR}"
)
FLAGS = {
    # Other servers built from its libraries would disable APIs removed in that version.
    CLUSTER: (_KUBERNETES_ONLY,),
    # Leave out service discovery in clouds: its SDKs take most of the build.
    "prometheus": ("-tags=remove_all_sd,enable_kubernetes_sd",),
}
"""Flags of a module's build, beside those of every build."""


def build(*modules: str) -> list[Path]:
    """Build the tools of Go modules that are not built yet, and return the folder of each module's programs.

    The build has its own Go caches. They are removed when everything is built, and kept after a failure, so
    that the next attempt continues where this one stopped.

    Raises:
        OperationError: Go cannot be installed, or a build failed.

    """
    if not all(folder_of(module).exists() for module in modules):
        with _go_caches() as caches:
            for module in modules:
                # Another process may have built it while this one waited for the lock.
                if not folder_of(module).exists():
                    _build(module, caches)
    return [folder_of(module) for module in modules]


def sources(module: str, package: str, folder: str) -> Path:
    """Return a copy of a folder from a Go module's sources.

    Args:
        module: a folder of `MODULES`, whose go.mod pins the version of `package`.
        package: the path of the Go module that has the folder.
        folder: the folder to copy, relative to `package`.

    Raises:
        OperationError: the sources cannot be downloaded.

    """
    kept = CACHE / "sources" / _digest(module) / folder
    if not kept.exists():
        with _go_caches() as caches:
            download = ["-C", MODULES / module, "mod", "download", "-modcacherw", "-json", package]
            found = output_of([go(least_go(module)), *download], env=caches)
            with made_whole(kept) as draft:
                shutil.copytree(Path(json.loads(found)["Dir"]) / folder, draft)
    return kept


def folder_of(module: str) -> Path:
    """Return the folder for the programs of a module, which exists once they are built."""
    return CACHE / "bin" / f"{module}-{_digest(module)}"


def least_go(module: str) -> Version:
    """Return the oldest version of Go that builds a module."""
    lines = (MODULES / module / "go.mod").read_text().splitlines()
    return numbers(next(line.removeprefix("go ") for line in lines if line.startswith("go ")))


def _build(module: str, caches: dict[str, str]) -> None:
    program = go(least_go(module))
    with step(f"build {module} from Go modules"), made_whole(folder_of(module)) as draft:
        output_of(
            [
                program,
                *("-C", MODULES / module, "install", "-trimpath", "-modcacherw", f"-ldflags={STRIPPED}"),
                *FLAGS.get(module, ()),
                "tool",
            ],
            env={**caches, "GOBIN": str(draft)},
        )
        if module == CLUSTER:
            for name in PROGRAMS:
                (draft / name).symlink_to("kubernetes")


@contextmanager
def _go_caches() -> Generator[dict[str, str]]:
    """Yield the environment variables of a build that has its own caches; remove the caches if it succeeds.

    A lock lets only one process build at a time.
    """
    caches = CACHE / "go-caches"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "go-caches.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield {
            **os.environ,
            "GOMODCACHE": str(caches / "modules"),
            "GOCACHE": str(caches / "builds"),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }
        remove(caches)


def _digest(module: str) -> str:
    """Return a hash of everything that a module's build depends on: its pins, its code and its flags."""
    digest = hashlib.sha256(f"{STRIPPED} {FLAGS.get(module)} {PROGRAMS}".encode())
    for file in sorted(path for path in (MODULES / module).rglob("*") if path.is_file()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
