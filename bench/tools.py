"""What the benchmark needs on the machine: an environment a peer, wrk and vegeta. Made once and kept."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from bench.errors import BenchError
from bench.paths import CACHE, HERE
from bench.progress import step

WRK = "wrk"
"""A Debian package of the same name; https://github.com/wg/wrk has no releases of its own."""

VEGETA = HERE / "go"
"""A Go module, whose go.mod pins vegeta."""

_VERSIONS = """
import importlib.metadata, json
print(json.dumps({package.name.lower(): package.version for package in importlib.metadata.distributions()}))
"""


def environment(folder: Path) -> Path:
    """Return the Python of a virtual environment that holds a folder's requirements.txt, no more and no less.

    Raises:
        BenchError: they could not be installed.

    """
    requirements = folder / "requirements.txt"
    home = CACHE / folder.name
    python, mark = home / "bin" / "python", home / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        with step(f"install what {folder.name} needs (minutes, the first time)"):
            _run([sys.executable, "-m", "venv", "--clear", home])
            _run([python, "-m", "pip", "install", "--quiet", "--no-input", "--requirement", requirements])
        mark.write_text(digest)
    return python


def versions(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of those packages that an environment holds."""
    installed = cast(dict[str, str], json.loads(_run([python, "-c", _VERSIONS])))
    return {package: installed[package] for package in packages if package in installed}


def wrk() -> str:
    """Return wrk's path, and install it where it is missing and may be installed.

    Raises:
        BenchError: it is missing, and this is not Debian or Ubuntu, or the user is not root.

    """
    if not shutil.which(WRK):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise BenchError(f"{WRK} is not on PATH; on Debian and Ubuntu: sudo apt-get install {WRK}")
        with step(f"install from apt: {WRK}"):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            _run(["apt-get", "update"], env)
            _run(["apt-get", "install", "--yes", "--no-install-recommends", WRK], env)
    return WRK


def vegeta() -> Path:
    """Return vegeta's path, built first where it is not built yet.

    Raises:
        BenchError: there is no Go, or the build failed.

    """
    if not shutil.which("go"):
        raise BenchError("vegeta is built from its Go module: install Go 1.25 or later")
    pins = (VEGETA / "go.mod").read_bytes() + (VEGETA / "go.sum").read_bytes()
    folder = CACHE / "bin" / hashlib.sha256(pins).hexdigest()[:12]
    binary = folder / "vegeta"
    if not binary.exists():
        with step("build vegeta from its Go module"):
            env = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
            _run(["go", "-C", VEGETA, "install", "-trimpath", "tool"], env)
    return binary


def _run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise BenchError(f"`{' '.join(map(str, command))}` exited with {done.returncode}:\n{said}")
    return done.stdout
