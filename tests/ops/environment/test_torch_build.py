"""Which build of torch is installed."""

import platform
import sys
from pathlib import Path

import pytest

from ops.environment import torch_build as module
from ops.environment.groups import pinned
from ops.environment.torch_build import torch_build

VERSION = pinned("torch").partition("==")[2]
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
MACHINE = platform.machine()


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "platform", "linux")


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch):
    """Says whether the index of CPU builds answers."""

    def set_to(answer: bool) -> None:
        monkeypatch.setattr(module, "_answers", lambda _: answer)

    return set_to


def test_the_index_of_cpu_builds_is_used_if_it_answers(reachable):
    reachable(True)

    build = torch_build({})

    assert build.arguments == ("--torch-backend", "cpu")
    assert module.CPU_INDEX in build.description


def test_a_cpu_wheel_in_a_folder_is_preferred_to_every_index(reachable, tmp_path: Path):
    reachable(True)
    (tmp_path / f"torch-{VERSION}+cpu-{TAG}-{TAG}-manylinux_2_28_{MACHINE}.whl").touch()

    build = torch_build({"UV_FIND_LINKS": str(tmp_path)})

    assert build.arguments == ()
    assert str(tmp_path) in build.description


@pytest.mark.parametrize(
    "name",
    [
        f"torch-{VERSION}+cpu-cp39-cp39-manylinux_2_28_{MACHINE}.whl",
        f"torch-1.0.0+cpu-{TAG}-{TAG}-manylinux_2_28_{MACHINE}.whl",
        f"torch-{VERSION}+cpu-{TAG}-{TAG}-manylinux_2_28_s390x.whl",
    ],
)
def test_a_wheel_for_another_python_version_or_machine_is_not_used(reachable, tmp_path: Path, name: str):
    reachable(True)
    (tmp_path / name).touch()

    assert torch_build({"UV_FIND_LINKS": str(tmp_path)}).arguments == ("--torch-backend", "cpu")


def test_without_a_cpu_build_the_build_for_cuda_is_used_and_its_size_is_printed(reachable):
    reachable(False)

    build = torch_build({})

    assert "3 GB to download, 4 GB on disk" in build.description
    assert "PIP_FIND_LINKS" in build.description
    assert build.arguments == ("--no-config", "--excludes", str(module.EXCLUDED))
    assert "triton" in module.EXCLUDED.read_text().splitlines()


def test_on_other_systems_the_default_build_is_for_the_cpu(reachable, monkeypatch: pytest.MonkeyPatch):
    reachable(False)
    monkeypatch.setattr(module.sys, "platform", "darwin")

    assert torch_build({}).arguments == ()


def test_an_index_that_does_not_answer_is_not_an_error():
    # A port of this machine where nobody listens.
    assert module._answers("http://127.0.0.1:9/torch/") is False
