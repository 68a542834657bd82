"""Which device ONNX Runtime computes on. No GPU is needed: the tests replace what the library reports."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from app.artifact import Artifact
from app.runtimes.onnx import CPU, CUDA
from app.serving.model import Model
from app.signature import ArtifactError

Pretend = Callable[..., list[Any]]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Let the library be the build with CUDA, and its sessions get some providers; return what they ask for.

    Each session is a real one on the CPU, so that the answers are real.
    """
    real = onnxruntime.InferenceSession

    def library(*got: str, error: Exception | None = None, missing: str = "") -> list[Any]:
        asked: list[Any] = []

        def session(file: Path, options: Any, providers: list[Any], **more: Any) -> Any:
            asked.append([provider if isinstance(provider, str) else provider[0] for provider in providers])
            if error is not None and asked[-1] != [CPU]:
                raise error
            made = real(file, options, providers=[CPU])
            monkeypatch.setattr(made, "get_providers", lambda: list(got))
            if asked[-1] != [CPU]:
                assert more == {"enable_fallback": 0}
            return made

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write(missing))
        monkeypatch.setattr(onnxruntime, "InferenceSession", session)
        return asked

    return library


def load(path: Path, device: Any) -> Model:
    return Model.load(Artifact.read(path), "onnx", 2, device)


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_a_gpu_that_works_is_used(tiny: Path, pretend: Pretend, device: str):
    asked = pretend(CUDA, CPU)

    model = load(tiny, device)

    assert model.device == "gpu"
    assert asked == [[CUDA, CPU]]
    assert model.run({"x": np.zeros((1, 2, 3), np.float32)})["logits"].tolist() == [[0, 0, 0]]


def test_the_device_cpu_does_not_use_an_available_gpu(tiny: Path, pretend: Pretend):
    asked = pretend(CUDA, CPU)

    assert load(tiny, "cpu").device == "cpu"
    assert asked == [[CPU]]


def test_a_session_that_falls_back_to_the_cpu_counts_as_no_gpu(
    tiny: Path, pretend: Pretend, capsys: pytest.CaptureFixture[str]
):
    asked = pretend(CPU, missing="Failed to load libcublas.so.13\nFailed to load libcudnn.so.9")

    with pytest.raises(ArtifactError, match=r"=gpu: .* Failed to load libcublas.so.13; .* cpu$"):
        load(tiny, "gpu")

    assert load(tiny, "auto").device == "cpu"
    assert asked == [[CUDA, CPU], [CUDA, CPU], [CPU]]
    assert capsys.readouterr().out == ""


def test_a_gpu_that_does_not_start_counts_as_no_gpu(tiny: Path, pretend: Pretend):
    pretend(error=RuntimeError("CUDA failure 100: no CUDA-capable device is detected\nat somewhere"))

    with pytest.raises(ArtifactError, match=r"CUDA failure 100: no CUDA-capable device is detected; .*cpu$"):
        load(tiny, "gpu")
    assert load(tiny, "auto").device == "cpu"


def test_a_broken_model_is_not_mistaken_for_a_missing_gpu(tiny: Path, pretend: Pretend):
    pretend(error=RuntimeError("no such operator"))

    with pytest.raises(ArtifactError, match="cannot serve it: no such operator"):
        load(tiny, "auto")


def test_a_build_without_cuda_has_no_gpu(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])

    assert load(tiny, "auto").device == "cpu"
    with pytest.raises(ArtifactError, match="was built without CUDA"):
        load(tiny, "gpu")
