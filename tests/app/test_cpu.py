"""The CPU limit of the cgroup."""

from pathlib import Path

import pytest

from app.cpu import cpu_limit


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))


def v1(folder: Path, quota: str) -> Path:
    (folder / "cpu").mkdir()
    (folder / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    return folder


def v2(folder: Path, quota: str) -> Path:
    (folder / "cpu.max").write_text(f"{quota} 100000\n")
    return folder


@pytest.mark.parametrize("version", [v1, v2])
@pytest.mark.parametrize(
    ("quota", "cores"), [("50000", 1), ("100000", 1), ("150000", 2), ("200000", 2), ("1600000", 8)]
)
def test_a_limit_is_rounded_up_and_never_exceeds_the_machine(tmp_path: Path, version, quota: str, cores: int):
    assert cpu_limit(version(tmp_path, quota)) == cores


def test_without_a_limit_the_cores_of_the_scheduler_are_used(tmp_path: Path):
    assert cpu_limit(tmp_path) == 8
    assert cpu_limit(v2(tmp_path, "max")) == 8


def test_version_1_without_a_limit_uses_the_cores_of_the_scheduler(tmp_path: Path):
    assert cpu_limit(v1(tmp_path, "-1")) == 8
