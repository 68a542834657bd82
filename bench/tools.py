"""Install what the benchmark needs: wrk, vegeta, and a virtual environment for each peer."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from bench.commands import output_of
from bench.errors import BenchError
from bench.paths import CACHE, HERE
from bench.progress import say

WRK = "wrk"
"""The program, and its package in Debian; https://github.com/wg/wrk publishes no builds."""

VEGETA = HERE / "go"
"""The folder of a Go module whose go.mod pins vegeta."""

_VERSIONS = """
import importlib.metadata, json
print(json.dumps({package.name.lower(): package.version for package in importlib.metadata.distributions()}))
"""


def environment(folder: Path) -> Path:
    """Return the Python of a virtual environment with exactly the packages of a requirements.txt.

    Args:
        folder: the folder of the requirements.txt, which also names the environment.

    Raises:
        BenchError: a package could not be installed.

    """
    requirements = folder / "requirements.txt"
    home = CACHE / folder.name
    python, mark = home / "bin" / "python", home / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        say(f"→ install the packages of {folder.name} (takes minutes)")
        output_of([sys.executable, "-m", "venv", "--clear", home])
        output_of([python, "-m", "pip", "install", "--quiet", "--no-input", "--requirement", requirements])
        mark.write_text(digest)
    return python


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of those of the packages that are in the environment of a Python."""
    installed = cast(dict[str, str], json.loads(output_of([python, "-c", _VERSIONS])))
    return {package: installed[package] for package in packages if package in installed}


def wrk() -> str:
    """Return the command of wrk. If it is missing, install it by apt.

    Raises:
        BenchError: it is missing, and there is no apt-get or the user is not root.

    """
    if not shutil.which(WRK):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise BenchError(f"{WRK} is not on PATH; on Debian and Ubuntu: sudo apt-get install {WRK}")
        say(f"→ install from apt: {WRK}")
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        output_of(["apt-get", "update"], env=env)
        output_of(["apt-get", "install", "--yes", "--no-install-recommends", WRK], env=env)
    return WRK


def vegeta() -> Path:
    """Return the path of vegeta. If it is missing, build it with Go.

    Raises:
        BenchError: there is no Go, or the build failed.

    """
    if not shutil.which("go"):
        raise BenchError("building vegeta needs Go: install Go 1.25 or later")
    pins = (VEGETA / "go.mod").read_bytes() + (VEGETA / "go.sum").read_bytes()
    folder = CACHE / "bin" / hashlib.sha256(pins).hexdigest()[:12]
    binary = folder / "vegeta"
    if not binary.exists():
        say("→ build vegeta from its Go module")
        env = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
        output_of(["go", "-C", VEGETA, "install", "-trimpath", "tool"], env=env)
    return binary
