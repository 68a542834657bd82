"""The TorchScript runtime, where PyTorch is installed."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.artifact import Artifact
from app.model import Model
from app.runtimes import InputRefused
from app.tensors import Arrays

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")


def artifact(path: Path, module: object, inputs: Arrays, outputs: Arrays) -> Artifact:
    (path / "torchscript").mkdir()
    torch.jit.save(torch.jit.script(module), path / "torchscript" / "model.pt")
    np.savez(path / "sample.npz", **inputs, **outputs)
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
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a + b, a - b


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_inputs_and_outputs_go_by_the_order_of_the_signature(tmp_path: Path):
    one, two = np.array([[1.0]], np.float32), np.array([[2.0]], np.float32)
    made = artifact(tmp_path, Sum(), {"a": one, "b": two}, {"sum": one + two, "difference": one - two})

    answer = Model.load(made, "torchscript", 2).run({"b": one, "a": two})

    assert answer["sum"].tolist() == [[3]]
    assert answer["difference"].tolist() == [[1]]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_an_index_beyond_its_table_is_refused(tmp_path: Path):
    table = torch.nn.Embedding(4, 2)
    rows = np.array([[1]])
    expected = table(torch.from_numpy(rows)).detach().numpy()
    model = Model.load(artifact(tmp_path, table, {"rows": rows}, {"found": expected}), "torchscript", 1)

    with pytest.raises(InputRefused):
        model.run({"rows": np.array([[9]])})
