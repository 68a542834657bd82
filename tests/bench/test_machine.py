import sys
from pathlib import Path

import pytest

from bench import machine


def program(folder: Path, lines: str) -> None:
    path = folder / "nvidia-smi"
    path.write_text(f"#!{sys.executable}\n{lines}\n")
    path.chmod(0o755)


def test_every_gpu_is_described_with_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(tmp_path, "print('NVIDIA L4, 23034 MiB, 580.1\\nNVIDIA L4, 23034 MiB, 580.1')")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert machine.gpu() == "NVIDIA L4, 23034 MiB, 580.1; NVIDIA L4, 23034 MiB, 580.1"


def test_without_a_driver_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program(tmp_path, "print('NVIDIA-SMI has failed'); raise SystemExit(9)")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert machine.gpu() == "no GPU"


def test_without_nvidias_tool_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert machine.describe()["gpu"] == "no GPU"
