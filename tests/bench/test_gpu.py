"""Tests of bench/gpu.sh, without PyTorch for CUDA."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "gpu.sh"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout that has only the script."""
    (tmp_path / "bench").mkdir()
    shutil.copy(SCRIPT, tmp_path / "bench")
    return tmp_path


def run(checkout: Path, *arguments: str, python: str = sys.executable) -> str:
    """Return the stderr of the script, which must fail."""
    command = [checkout / "bench" / "gpu.sh", *arguments]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", "PYTHON": python}, capture_output=True, text=True
    )
    assert done.returncode == 1
    return done.stderr


def gather(checkout: Path) -> None:
    for folder in ("gpu/wheels", "bench/runtimes/torchscript"):
        (checkout / "build" / folder).mkdir(parents=True)


def test_the_error_for_missing_files_names_the_command_that_makes_them(checkout: Path):
    assert "run bench/gpu.sh --prepare" in run(checkout)


def test_a_python_that_the_wheels_do_not_fit_is_refused(checkout: Path):
    gather(checkout)
    other = checkout / "python"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)

    assert "the wheels are for Python 3.12" in run(checkout, python=str(other))


def test_an_unknown_option_prints_the_usage(checkout: Path):
    assert "usage: bench/gpu.sh --prepare" in run(checkout, "--help")


def test_prepare_collects_the_packages_of_the_server_but_not_pytorch(checkout: Path):
    folder = checkout / "app" / "requirements"
    folder.mkdir(parents=True)
    for name in ("app/requirements/torchscript.txt", "requirements.txt"):
        shutil.copy(SCRIPT.parents[1] / name, checkout / name)
    pip = checkout / ".venv" / "bin" / "python"
    pip.parent.mkdir(parents=True)
    pip.write_text("#!/bin/sh\nexit 1\n")
    pip.chmod(0o755)

    run(checkout, "--prepare")

    wanted = (checkout / "build" / "gpu" / "requirements.txt").read_text().splitlines()
    names = {line.partition("==")[0] for line in wanted}
    assert {"fastapi", "uvicorn", "httptools", "uvloop", "msgspec", "orjson", "pysimdjson", "psutil"} <= names
    assert not {"torch", "sympy", "numpy"} & names
