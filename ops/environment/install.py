"""Install groups of packages into `.venv`, and create it if it is missing.

`python3 -m ops.environment` runs this with the Python that it has chosen. Nothing may be installed yet, so
this package uses the standard library alone.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ops.commands import output_of, run
from ops.environment.groups import GROUPS, PROJECT, pinned, stamp
from ops.environment.indexes import uv_environment
from ops.environment.pythons import supported
from ops.environment.torch_build import torch_build
from ops.errors import OperationError
from ops.progress import say, step

VENV = PROJECT / ".venv"
"""The environment, where pyright, Pulumi and the Makefile look for it."""


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ops.environment.install", description=__doc__)
    parser.add_argument("groups", nargs="+", choices=GROUPS)
    parser.add_argument(
        "--same-python",
        action="store_true",
        help="make the environment again if it has another version of Python",
    )
    options = parser.parse_args()
    try:
        _make(VENV, [sys.version_info[:2]] if options.same_python else supported())
        install(options.groups)
    except OperationError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def install(groups: Sequence[str], environment: Path = VENV) -> None:
    """Install groups, as the locks pin them; packages that are there already stay.

    Args:
        groups: Names out of `GROUPS`.
        environment: The folder of a virtual environment with pip.

    Raises:
        OperationError: An installation failed.

    """
    python = environment / "bin" / "python"
    uv = _install_uv(python)
    settings = uv_environment(python)
    arguments = [word for group in groups for word in GROUPS[group].arguments]
    for name in groups:
        group = GROUPS[name]
        say(
            f"  {name}: {group.purpose}; about {group.download_mb} MB to download, {group.disk_mb} MB on disk"
        )
    if "pytorch" in groups:
        build = torch_build(settings)
        say(f"  {build.description}")
        arguments += build.arguments
    locks = dict.fromkeys(GROUPS[name].lock for name in groups)
    with step(f"install into {environment.name}: {', '.join(groups)}"):
        command = [uv, "pip", "install", "--python", python, "--project", PROJECT]
        command += [word for lock in locks for word in ("--constraints", PROJECT / lock)]
        command += ["--requirements", PROJECT / "pyproject.toml", *arguments]
        run([*command, *([] if sys.stderr.isatty() else ["--quiet"])], env=settings)
    for name in groups:
        stamp(environment, name).parent.mkdir(exist_ok=True)
        stamp(environment, name).touch()


def ensure_pytorch() -> None:
    """Install PyTorch into the running environment if it is missing. Only exporting a model needs it.

    Raises:
        OperationError: It cannot be installed.

    """
    if importlib.util.find_spec("torch") is None:
        say("exporting this model needs PyTorch, which is not installed yet")
        install(["pytorch"], Path(sys.prefix))
        importlib.invalidate_caches()


def _make(environment: Path, versions: Sequence[tuple[int, int]]) -> None:
    """Make the environment with this Python, unless it exists with one of these versions."""
    if _version(environment) in versions:
        return
    _ensure_pip()
    with step(f"make {environment.name} with {sys.executable} (Python {sys.version.split()[0]})"):
        shutil.rmtree(environment, ignore_errors=True)
        output_of([sys.executable, "-m", "venv", environment])


def _version(environment: Path) -> tuple[int, int] | None:
    """Return the version of an environment's Python, or None if it does not run."""
    command = [environment / "bin" / "python", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    major, minor = map(int, done.stdout.split())
    return major, minor


def _ensure_pip() -> None:
    """Install the package that Debian's Python needs to make an environment with pip."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    command = ["apt-get", "install", "--yes", "--no-install-recommends", package, "ca-certificates"]
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise OperationError(f"{sys.executable} cannot make an environment: `sudo {' '.join(command)}` first")
    with step(f"install {package} by apt, because {sys.executable} comes without pip"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        output_of(["apt-get", "update"], env=quiet)
        output_of(command, env=quiet)


def _install_uv(python: Path) -> Path:
    """Install the version of uv that the lock pins, with the environment's pip."""
    uv = python.with_name("uv")
    wanted = pinned("uv")
    if not uv.exists() or output_of([uv, "--version"]).split()[1] != wanted.partition("==")[2]:
        with step(f"install {wanted} (20 MB)"):
            output_of([python, "-m", "pip", "install", "--quiet", wanted])
    return uv


if __name__ == "__main__":
    sys.exit(main())
