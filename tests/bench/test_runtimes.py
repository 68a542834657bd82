from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import models, runtimes
from bench.models import Model
from bench.processes import INTERRUPTED, Family, Running
from bench.results import Results as PeersResults
from bench.runtimes import Life, Results, main, markdown
from bench.scenarios import QUICK
from tests.bench.conftest import figures

MIB = 2**20


@pytest.fixture
def run(results: PeersResults) -> Results:
    return Results(
        started=results.started,
        machine=results.machine,
        versions={"onnxruntime": "1.32.0"},
        image_bytes={"onnx": 191_000_000},
        plan=QUICK,
    )


def life(number: int, runtime: str, per_second: float, device: str = "cpu") -> Life:
    return Life(
        round=number,
        runtime=runtime,
        device=device,
        cold_start_seconds=float(number),
        idle_bytes=100 * MIB,
        peak_bytes=200 * MIB,
        closed={16: figures(per_second)},
        cpu_ms={16: 10.0},
    )


def test_a_row_has_a_runtimes_medians_and_the_size_of_its_image(run: Results):
    run.lives = [life(1, "onnx", 100), life(2, "onnx", 120), life(3, "onnx", 90), life(1, "savedmodel", 50)]

    said = list(markdown(run))

    three = "2.00 (1.00 to 3.00) | 100 | 200 | 100 (90 to 120) | 1.0 / 2.0 | 10.0"
    assert f"| ONNX Runtime | cpu | 191 | {three} |" in said
    assert "| TensorFlow | cpu | not measured | 1.00 | 100 | 200 | 50 | 1.0 / 2.0 | 10.0 |" in said
    assert any("2 cores of a processor" in line and "onnxruntime 1.32.0" in line for line in said)


def test_the_row_of_a_gpu_does_not_have_the_size_of_the_cpu_image(run: Results):
    run.lives = [life(1, "onnx", 100, "gpu")]

    assert any(line.startswith("| ONNX Runtime | gpu | not measured |") for line in markdown(run))


def test_failures_are_listed_before_the_table(run: Results):
    run.failures = ["round 1, onnx on the gpu: the server ended with 1\nits log"]

    said = list(markdown(run))

    assert "- round 1, onnx on the gpu: the server ended with 1" in said


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return a list of the environments of all starts; no server starts and no load is sent."""
    started: list[dict[str, str]] = []
    ones = np.ones(3, np.float32)
    model = Model(name="m", artifact=tmp_path, sample=ones, expected=ones, labels=None)

    class Up:
        running = Running(port=1, family=Family(2**30), cold_start_seconds=1.0)

        def check(self, _: object) -> None: ...

        def closed_loop(self, *_: object) -> Any:
            return figures()

    @contextmanager
    def start(_server: object, _model: object, _python: object, env: dict[str, str]):
        started.append(env)
        yield Up()

    monkeypatch.setattr(runtimes, "IDLE_SECONDS", 0)
    monkeypatch.setattr(runtimes, "find_spec", lambda _: True)
    monkeypatch.setattr(runtimes, "running_server", start)
    monkeypatch.setattr(runtimes.machine, "gpu", lambda: "NVIDIA L4, 23034 MiB, 580.1")
    monkeypatch.setattr(runtimes.tools, "wrk", lambda: "wrk")
    monkeypatch.setattr(models, "load", lambda *_: model)
    return started


def test_runtimes_with_gpu_support_are_measured_on_it_and_all_on_the_cpu(
    measured: list[dict[str, str]], tmp_path: Path
):
    assert main(["--device", "cpu", "gpu", "--quick", "--output", str(tmp_path)]) == 0

    assert [(env["SLIPWAY_RUNTIME"], env["SLIPWAY_DEVICE"]) for env in measured] == [
        ("onnx", "cpu"),
        ("onnx", "gpu"),
        ("torchscript", "cpu"),
        ("torchscript", "gpu"),
        ("savedmodel", "cpu"),
    ]
    table = (tmp_path / "devices.md").read_text()
    assert "64 connections: requests per second" in table
    assert "NVIDIA L4, 23034 MiB, 580.1" in table
    assert (tmp_path / "devices.json").exists()


def test_a_runtime_that_is_not_installed_is_an_error_before_any_measurement(
    measured: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None if name == "tensorflow" else True)

    assert main(["--quick"]) == 1
    assert "tensorflow is not installed" in capsys.readouterr().err
    assert measured == []


def test_export_only_measures_nothing(measured: list[dict[str, str]]):
    assert main(["--export-only", "--runtime", "torchscript"]) == 0
    assert measured == []


def test_results_before_an_interruption_are_written(
    measured: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    measure = runtimes._measure

    def interrupted(*arguments: Any) -> None:
        if measured:
            raise KeyboardInterrupt
        measure(*arguments)

    monkeypatch.setattr(runtimes, "_measure", interrupted)

    assert main(["--device", "cpu", "gpu", "--quick", "--output", str(tmp_path)]) == INTERRUPTED
    table = (tmp_path / "devices.md").read_text()
    assert "- interrupted before the end of the last round" in table
    assert "| ONNX Runtime | cpu |" in table


def test_without_a_gpu_the_cpu_is_measured_and_a_failure_says_why(
    measured: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runtimes.machine, "gpu", lambda: runtimes.machine.NO_GPU)

    assert main(["--device", "cpu", "gpu", "--quick", "--output", str(tmp_path)]) == 1

    assert {env["SLIPWAY_DEVICE"] for env in measured} == {"cpu"}
    assert "- nvidia-smi finds no GPU on this machine" in (tmp_path / "devices.md").read_text()
