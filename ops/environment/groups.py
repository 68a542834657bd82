"""The groups of packages that can be installed, as pyproject.toml declares and the locks pin them."""

from dataclasses import dataclass
from pathlib import Path

from ops.environment.pythons import PYPROJECT

PROJECT = PYPROJECT.parent


@dataclass(frozen=True, kw_only=True)
class Group:
    """Packages that are installed together.

    The sizes were measured on Linux x86-64 with Python 3.13; other platforms differ a little.
    """

    purpose: str
    download_mb: int
    disk_mb: int
    arguments: tuple[str, ...]
    """The arguments of `uv pip install` that add the group to the project's own dependencies."""

    lock: str = "requirements.txt"


GROUPS = {
    "core": Group(
        purpose="the program, the server, and the commands of make",
        download_mb=110,
        disk_mb=370,
        arguments=(),
    ),
    "pytorch": Group(
        purpose="export from PyTorch (the size of torch itself follows)",
        download_mb=85,
        disk_mb=300,
        arguments=("--group", "pytorch"),
    ),
    "checks": Group(
        purpose="tests, lint and types", download_mb=130, disk_mb=480, arguments=("--group", "checks")
    ),
    "tensorflow": Group(
        purpose="export from and to TensorFlow SavedModels",
        download_mb=300,
        disk_mb=1350,
        arguments=("--extra", "tensorflow"),
        lock="requirements-tensorflow.txt",
    ),
    "clouds": Group(
        purpose="the SDKs of GKE, EKS, AKS and ECR",
        download_mb=50,
        disk_mb=410,
        arguments=("--extra", "gke", "--extra", "eks", "--extra", "aks"),
        lock="requirements-clouds.txt",
    ),
}


def pinned(package: str) -> str:
    """Return `PACKAGE==VERSION` as the lock pins it.

    Raises:
        KeyError: The lock does not name the package.

    """
    for line in (PROJECT / "requirements.txt").read_text().splitlines():
        requirement = line.split(";")[0].strip()
        if requirement.startswith(f"{package}=="):
            return requirement
    raise KeyError(package)


def stamp(environment: Path, group: str) -> Path:
    """Return the file that says that a group is installed. The Makefile compares its time with the locks'."""
    return environment / ".installed" / group
