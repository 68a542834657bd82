"""Find the Python that makes the environment: the newest supported version on PATH."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

HELD_BACK_BY = "pysimdjson"
"""The pinned package that has no build for the next Python yet."""

_VERSION = "import sys; print(*sys.version_info[:2], sys.implementation.name)"


class UnsupportedPythonError(Exception):
    """PATH has no Python that the project supports; the message says how to install one."""


def supported() -> list[tuple[int, int]]:
    """Return the versions that `requires-python` in pyproject.toml allows, the newest first."""
    declared = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', PYPROJECT.read_text(), re.MULTILINE)
    if declared is None:
        raise ValueError(f'{PYPROJECT}: requires-python is not of the form ">=3.X,<3.Y"')
    return [(3, minor) for minor in reversed(range(int(declared[1]), int(declared[2])))]


def find_python(name: str = "") -> str:
    """Return the path of the Python that makes the environment.

    Args:
        name: the program or path that the user asked for; "" means the newest supported Python.

    Raises:
        UnsupportedPythonError: There is none; the message names what was found and how to install one.

    """
    versions = supported()
    names = (
        [name] if name else [*(f"python{major}.{minor}" for major, minor in versions), "python3", "python"]
    )
    found: dict[str, tuple[int, int]] = {}
    for candidate in names:
        path = shutil.which(candidate)
        version = _version_of(path) if path else None
        if path and version:
            found[path] = version
            if name and version in versions:
                return path
    usable = [path for path, version in found.items() if version in versions]
    if usable:
        return max(usable, key=lambda path: found[path])
    raise UnsupportedPythonError(_message(name, found, versions))


def _version_of(python: str) -> tuple[int, int] | None:
    """Return the version of a Python, or None if it is not CPython or does not run."""
    done = subprocess.run([python, "-c", _VERSION], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    if done.returncode != 0 or len(words) != 3 or words[2] != "cpython":
        return None
    return int(words[0]), int(words[1])


def _message(name: str, found: dict[str, tuple[int, int]], versions: list[tuple[int, int]]) -> str:
    numbers = [f"{major}.{minor}" for major, minor in versions]
    lines = [f"{name or 'PATH'} has no Python {' or '.join(numbers)}"]
    lines += [f"  {path} is Python {major}.{minor}" for path, (major, minor) in found.items()]
    if any(version > versions[0] for version in found.values()):
        lines.append(f"  newer ones wait for {HELD_BACK_BY}, which has no build for them yet")
    lines.append("install one, for example")
    lines.append("  apt-get install python3 python3-venv      (Debian 12 and later, Ubuntu 24.04 and later)")
    lines.append(f"  brew install python@{numbers[0]}                  (macOS)")
    return "\n".join(lines)
