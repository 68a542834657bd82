"""The memory limit of the cgroup."""

from pathlib import Path

import pytest

from app.memory import memory_limit

MIB = 2**20


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text.rstrip()}\n")


def v1(folder: Path, path: str, limit: int | None) -> str:
    write(folder / "memory" / path / "memory.limit_in_bytes", str(limit or 0x7FFFFFFFFFFFF000))
    return f"5:cpu,cpuacct:/\n4:memory:/{path}\n0::/\n"


def v2(folder: Path, path: str, limit: int | None) -> str:
    write(folder / path / "memory.max", str(limit or "max"))
    return f"0::/{path}\n"


@pytest.mark.parametrize("version", [v1, v2])
def test_in_a_container_the_limit_is_in_the_root_folder(tmp_path: Path, version):
    version(tmp_path, "", 512 * MIB)
    write(tmp_path / "own", "4:memory:/kubepods/pod1\n0::/kubepods/pod1")

    assert memory_limit(tmp_path, tmp_path / "own") == 512 * MIB


@pytest.mark.parametrize("version", [v1, v2])
def test_outside_of_a_container_the_limit_is_in_the_folder_of_the_process(tmp_path: Path, version):
    version(tmp_path, "", None)
    write(tmp_path / "own", version(tmp_path, "system/server", 300 * MIB))

    assert memory_limit(tmp_path, tmp_path / "own") == 300 * MIB


@pytest.mark.parametrize("version", [v1, v2])
def test_the_smallest_limit_of_a_cgroup_and_its_parents_is_used(tmp_path: Path, version):
    version(tmp_path, "pod", 200 * MIB)
    write(tmp_path / "own", version(tmp_path, "pod/container", 300 * MIB))

    assert memory_limit(tmp_path, tmp_path / "own") == 200 * MIB


@pytest.mark.parametrize("version", [v1, v2])
def test_without_a_limit_there_is_none(tmp_path: Path, version):
    write(tmp_path / "own", version(tmp_path, "server", None))

    assert memory_limit(tmp_path, tmp_path / "own") is None
    assert memory_limit(tmp_path / "nothing", tmp_path / "nothing") is None
