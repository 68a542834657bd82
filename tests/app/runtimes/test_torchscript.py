"""The TorchScript runtime, where PyTorch is installed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.artifact import Artifact
from app.runtimes import InputRefused, torchscript
from app.serving.model import Model
from app.signature import ArtifactError
from app.tensors import Arrays

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")


def artifact(path: Path, module: object, inputs: Arrays, outputs: Arrays) -> Artifact:
    (path / "torchscript").mkdir()
    torch.jit.save(torch.jit.script(module), path / "torchscript" / "model.pt")
    np.savez(path / "sample.npz", allow_pickle=False, **inputs, **outputs)
    types = {"float32": "FP32", "int64": "INT64"}

    def described(arrays: Arrays) -> list[dict]:
        return [
            {"name": name, "datatype": types[str(array.dtype)], "shape": [-1, *array.shape[1:]]}
            for name, array in arrays.items()
        ]

    signature = {"inputs": described(inputs), "outputs": described(outputs), "labels": None}
    rest = {"name": "m", "version": "1", "formats": ["torchscript"], "activation": None, "image": None}
    (path / "signature.json").write_text(json.dumps({**signature, **rest}))
    return Artifact.read(path)


class Sum(torch.nn.Module):
    def forward(self, a, b):
        return a + b, a - b


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_inputs_and_outputs_have_the_order_of_the_signature(tmp_path: Path):
    a, b = np.array([[1.0]], np.float32), np.array([[2.0]], np.float32)
    made = artifact(tmp_path, Sum(), {"a": a, "b": b}, {"sum": a + b, "difference": a - b})

    answer = Model.load(made, "torchscript", 2, "cpu").run({"b": a, "a": b})

    assert answer["sum"].tolist() == [[3]]
    assert answer["difference"].tolist() == [[1]]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_an_index_beyond_its_table_is_refused(tmp_path: Path):
    table = torch.nn.Embedding(4, 2)
    rows = np.array([[1]])
    expected = table(torch.from_numpy(rows)).detach().numpy()
    made = artifact(tmp_path, table, {"rows": rows}, {"found": expected})
    model = Model.load(made, "torchscript", 1, "cpu")

    with pytest.raises(InputRefused):
        model.run({"rows": np.array([[9]])})


@pytest.fixture
def doubler(tmp_path: Path) -> Artifact:
    class Double(torch.nn.Module):
        def forward(self, x):
            return x + x

    x = np.array([[1.0]], np.float32)
    return artifact(tmp_path, Double(), {"x": x}, {"y": x + x})


@pytest.fixture
def precision() -> Iterator[Any]:
    """That of cuDNN's convolutions, as PyTorch sets it by default."""
    convolutions = torch.backends.cudnn.conv
    before, convolutions.fp32_precision = convolutions.fp32_precision, "tf32"
    yield convolutions
    convolutions.fp32_precision = before


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_without_a_gpu_auto_computes_on_the_cpu_and_gpu_is_refused(
    doubler: Artifact, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert Model.load(doubler, "torchscript", 1, "auto").device == "cpu"
    with pytest.raises(ArtifactError, match=r"SLIPWAY_DEVICE=gpu: PyTorch .* finds no NVIDIA GPU"):
        Model.load(doubler, "torchscript", 1, "gpu")


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_with_a_gpu_the_model_and_its_inputs_are_moved_to_it(
    doubler: Artifact, device: str, precision: Any, monkeypatch: pytest.MonkeyPatch
):
    # No GPU is needed: the CPU stands in for it, and the test records which device is asked for.
    devices: list[str] = []
    real = torch.jit.load
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(torchscript.TORCH_DEVICES, "gpu", "cpu:0")

    def watched(file: Path, map_location: str) -> object:
        devices.append(map_location)
        return real(file)

    monkeypatch.setattr(torch.jit, "load", watched)

    model = Model.load(doubler, "torchscript", 1, device)  # type: ignore[arg-type]

    assert model.device == "gpu"
    assert devices == ["cpu:0"]
    assert precision.fp32_precision == "ieee"
    assert model.run({"x": np.array([[2.0]], np.float32)})["y"].tolist() == [[4]]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_full_gpu_is_not_blamed_on_the_request(doubler: Artifact, monkeypatch: pytest.MonkeyPatch):
    model = Model.load(doubler, "torchscript", 1, "cpu")

    def full(_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB")

    monkeypatch.setattr(torch, "from_numpy", full)
    with pytest.raises(torch.OutOfMemoryError):
        model.run({"x": np.array([[2.0]], np.float32)})
