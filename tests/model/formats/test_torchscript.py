import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model.errors import ExportError, ParityError  # noqa: E402 - after the check that PyTorch is there
from model.export import export  # noqa: E402
from model.source import Description  # noqa: E402
from model.sources.pytorch import torch_source  # noqa: E402

SAMPLES = {"x": np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)}


def load(file):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.load", category=DeprecationWarning)
        return torch.jit.load(file)


def only_torchscript(module, samples=SAMPLES):
    source = torch_source(module, samples, Description(name="module"))
    return replace(source, formats=source.formats[1:])


def test_the_file_runs_without_this_package_and_answers_the_sample(artifact):
    module = load(artifact.path / "torchscript" / "model.pt")
    with np.load(artifact.path / "sample.npz") as sample:
        answer = module(torch.from_numpy(sample["field"])).numpy()
        np.testing.assert_allclose(answer, sample["logits"], atol=1e-5)


def test_batch_norm_and_dropout_are_folded_away(artifact):
    graph = str(load(artifact.path / "torchscript" / "model.pt").inlined_graph)
    assert "conv" in graph
    assert "batch_norm" not in graph
    assert "dropout" not in graph


def test_no_path_of_this_machine_is_in_the_file(artifact):
    with zipfile.ZipFile(artifact.path / "torchscript" / "model.pt") as file:
        assert not any(name.endswith(".debug_pkl") for name in file.namelist())
        assert not any(b"site-packages" in file.read(name) for name in file.namelist())


@pytest.mark.parametrize("number", range(4))
def test_one_weight_changed_in_the_file_fails_the_gate_and_no_artifact_is_left(
    tiny, artifact, tmp_path, number
):
    original = artifact.path / "torchscript" / "model.pt"

    def write_changed(folder):
        with zipfile.ZipFile(original) as old, zipfile.ZipFile(folder / "model.pt", "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name.endswith(f"/constants/{number}"):
                    values = np.frombuffer(content, np.float32).copy()
                    values[len(values) // 2] += 0.05
                    content = values.tobytes()
                new.writestr(zipfile.ZipInfo(name), content)

    changed = replace(tiny, formats=(replace(tiny.formats[1], write=write_changed),))
    with pytest.raises(ParityError, match=r"torchscript does not answer .* logits\[\d+, \d\] is "):
        export(changed, [], tmp_path, lambda _line: None)
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_answers_otherwise_while_it_is_traced_fails_the_gate(tmp_path):
    class Shy(torch.nn.Module):
        def forward(self, x):
            return x + 1 if torch.jit.is_tracing() else x

    with pytest.raises(ParityError, match="torchscript does not answer"):
        export(only_torchscript(Shy()), [], tmp_path, lambda _line: None)


class Several(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        parts = {"sum": x.sum(-1), "twice": x * 2}
        return parts if self.kind is dict else tuple(parts.values())


@pytest.mark.parametrize(("kind", "names"), [(tuple, ["output", "output_1"]), (dict, ["sum", "twice"])])
def test_a_module_with_several_outputs_keeps_their_names(tmp_path, kind, names):
    done = export(only_torchscript(Several(kind)), [], tmp_path, lambda _line: None)
    assert [tensor.name for tensor in done.signature.outputs] == names


def test_a_module_that_cannot_be_traced_is_refused(tmp_path, monkeypatch):
    source = only_torchscript(torch.nn.Linear(3, 2))

    def refuse(*_arguments, **_options):
        raise RuntimeError("tracing is not possible here")

    monkeypatch.setattr(torch.jit, "trace", refuse)
    with pytest.raises(ExportError, match="cannot be traced: RuntimeError: tracing is not possible here"):
        export(source, [], tmp_path, lambda _line: None)
