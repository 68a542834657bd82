"""The local cluster with the dev stack on it, started once and taken down at the end."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ops.local import from_modules
from ops.local.cluster import driver
from ops.local.kubectl import Kubectl
from ops.stack import PROJECT

URL = "http://127.0.0.1:30080"
NAMESPACE = "slipway-dev"
MODEL = "efficientnet-lite0"
LAST = "test_down_undoes_every_change_to_the_machine"


OF_MODULES = ("test_door", "test_readme", "test_watched")
"""Skips tests on a kind cluster, which lacks the programs that are built from Go modules."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that stop the cluster after those that need it, and last those that start it again."""
    items.sort(key=lambda item: (item.path.stem == "test_readme", item.name == LAST))
    if driver() is not from_modules:
        skip = pytest.mark.skip(reason="needs programs of the cluster that is built from Go modules")
        for item in items:
            if item.path.stem in OF_MODULES:
                item.add_marker(skip)


@dataclass(frozen=True)
class Machine:
    """Everything that a cluster could leave behind on a machine."""

    processes: frozenset[tuple[int, str]]
    mounts: frozenset[str]
    interfaces: frozenset[str]
    rules: frozenset[str]
    cgroups: frozenset[str]
    sysctls: tuple[str, ...]

    @classmethod
    def look(cls) -> "Machine":
        names = re.compile(
            "etcd|server|kube|containerd|buildkitd|registry|pause|runc|busybox|prometheus|alertmanager|operator"
            "|adapter|controller|traefik"
        )
        # Only root may see them, and only root's cluster makes any here.
        saves = [
            save for save in ("iptables-save", "ip6tables-save") if os.geteuid() == 0 and shutil.which(save)
        ]
        return cls(
            processes=frozenset(
                (process.pid, process.info["name"])
                for process in psutil.process_iter(["name"])
                if names.search(process.info["name"])
            ),
            mounts=frozenset(
                line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()
            ),
            interfaces=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            # Without comments, counters and tables that are empty but for their built-in chains.
            rules=frozenset(
                line
                for save in saves
                for line in subprocess.check_output([save], text=True).splitlines()
                if line.startswith("-A") or (line.startswith(":") and line.split()[1] == "-")
            ),
            cgroups=frozenset(
                str(path)
                for path in Path("/sys/fs/cgroup").glob("**/")
                if re.search("kube|slipway|cri-|containerd|buildkit", str(path))
            ),
            sysctls=tuple(
                Path("/proc/sys", name).read_text()
                for name in ("net/ipv4/ip_forward", "vm/overcommit_memory", "kernel/panic")
            ),
        )


@dataclass(frozen=True)
class Make:
    """Return a function that runs `make`, shows its progress, and returns its stdout."""

    def __call__(self, target: str, **variables: str) -> str:
        began = time.monotonic()
        done = subprocess.run(
            ["make", "--silent", target, *(f"{key}={value}" for key, value in variables.items())],
            cwd=PROJECT,
            env={**os.environ, "PYTHON": sys.executable},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        sys.stderr.write(f"make {target}: {time.monotonic() - began:.1f} s\n")
        assert done.returncode == 0, f"make {target} exited with {done.returncode}"
        return done.stdout


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture(scope="session")
def before() -> Generator[Machine]:
    """Return the state of the machine before the tests. Afterwards, remove every stack and the cluster."""
    down = [sys.executable, "-m", "ops.local", "down"]
    subprocess.run(down, cwd=PROJECT, check=True)
    yield Machine.look()
    subprocess.run(down, cwd=PROJECT, check=True)


@pytest.fixture(scope="session")
def answer(before: Machine, make: Make) -> str:  # noqa: ARG001 - looked at before anything starts
    """Run `make up` and return its stdout."""
    return make("up")


@pytest.fixture(scope="session")
def kubectl(answer: str) -> Kubectl:  # noqa: ARG001 - there is no cluster before
    return driver().kubectl()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], float], float]:
    """Return a function that waits until a condition holds, and returns the seconds that it took."""

    def wait(true: Callable[[], bool], seconds: float) -> float:
        began = time.monotonic()
        while not true():
            assert time.monotonic() - began < seconds, f"not within {seconds} s"
            time.sleep(1)
        return time.monotonic() - began

    return wait
