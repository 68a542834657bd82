"""The table of runtimes: what a row promises is there."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import runtimes
from app.runtimes import RUNTIMES, Runtime
from app.signature import Signature
from tests.app.conftest import settings_of

APP = Path(__file__).parents[3] / "app"


@pytest.mark.parametrize("name", RUNTIMES)
def test_each_runtime_has_a_module_and_a_requirements_file_for_each_device(name: str):
    row = RUNTIMES[name]

    assert (APP / "runtimes" / f"{name}.py").is_file()
    for device in row.devices:
        suffix = "-gpu" if device == "gpu" else ""
        assert (APP / "requirements" / f"{row.requirements}{suffix}.txt").is_file()


def test_no_runtime_has_a_module_or_requirements_without_a_row():
    modules = {file.stem for file in (APP / "runtimes").glob("*.py")} - {"__init__"}
    files = {file.stem.removesuffix("-gpu") for file in (APP / "requirements").glob("*.in")} - {"server"}

    assert modules == set(RUNTIMES)
    assert files == {row.requirements for row in RUNTIMES.values()}


@pytest.mark.parametrize("name", RUNTIMES)
def test_each_runtime_can_be_chosen(name: str):
    assert settings_of(runtime=name).runtime == name


def test_a_second_runtime_reads_the_same_copy_of_a_format(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    row = Runtime(format="onnx", devices=("cpu",), platform="onnx_onnxv1", requirements="onnx")
    monkeypatch.setitem(RUNTIMES, "other", row)
    loaded = []
    other = SimpleNamespace(load=lambda folder, *_: loaded.append(folder))
    monkeypatch.setitem(sys.modules, "app.runtimes.other", other)

    runtimes.load(tiny, Signature.read(tiny), "other", "cpu")

    assert loaded == [tiny / "onnx"]
