"""Choose the build of torch to install: the build for the CPU, if this machine can get it.

On Linux the default index has torch for CUDA, which brings gigabytes of CUDA's libraries. Exporting a model
needs none of them.
"""

import platform
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from ops.environment.groups import pinned
from ops.environment.indexes import wheel_folders

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TIMEOUT_SECONDS = 10

EXCLUDED = Path(__file__).with_name("excluded.txt")
"""Packages that torch for CUDA requires and that are left out."""


@dataclass(frozen=True, kw_only=True)
class TorchBuild:
    """A build of torch that this machine can install."""

    description: str
    """The build and its size, for a person."""

    arguments: tuple[str, ...] = ()
    """The arguments of `uv pip install` that choose it."""


def torch_build(environment: dict[str, str]) -> TorchBuild:
    """Choose the build of torch for this machine.

    Args:
        environment: the environment variables of uv, which name the folders of wheels.

    """
    if sys.platform != "linux":
        return TorchBuild(description="torch for the CPU: 80 MB to download, 400 MB on disk")
    size = "190 MB to download, 700 MB on disk"
    if wheel := _cpu_wheel(wheel_folders(environment)):
        return TorchBuild(description=f"torch for the CPU from {wheel.parent}: 700 MB on disk")
    if _answers(f"{CPU_INDEX}/torch/"):
        return TorchBuild(
            description=f"torch for the CPU from {CPU_INDEX}: {size}", arguments=("--torch-backend", "cpu")
        )
    return TorchBuild(
        description=f"torch for CUDA, because {CPU_INDEX} does not answer: 3 GB to download, 4 GB on disk. "
        "A folder with a CPU wheel, named in PIP_FIND_LINKS, is used instead",
        # pyproject.toml leaves out the libraries of CUDA.
        arguments=("--no-config", "--excludes", str(EXCLUDED)),
    )


def _cpu_wheel(folders: list[Path]) -> Path | None:
    """Return a wheel of the pinned torch for the CPU that fits this Python and machine."""
    version = pinned("torch").partition("==")[2]
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    pattern = f"torch-{version}+cpu-{tag}-*{platform.machine()}.whl"
    return next((wheel for folder in folders for wheel in folder.glob(pattern)), None)


def _answers(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the constant above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
            return True
    except (urllib.error.URLError, TimeoutError):
        return False
