"""TorchScript, programs of torch.export, pickled modules, and axes that are opened."""

import io
import pickle
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from torch import nn  # noqa: E402 - after the check that PyTorch is there

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(r"ignore:`torch\.jit\.:DeprecationWarning")]

IDS = np.random.default_rng(0).integers(0, 20, (4, 12))
NETWORKS = """
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.recurrent = nn.LSTM(8, 6, batch_first=True)

    def forward(self, ids):
        return self.recurrent(self.embedding(ids))[0]


class Mean(nn.Module):
    def forward(self, ids, mask):
        values = ids * mask
        return {"sum": values.sum(1).float(), "values": values}


class Step(nn.Module):
    def forward(self, state, rate):
        following = state * 0.5 + rate
        return following, following.sum()


class Boxes(nn.Module):
    def forward(self, image):
        return torch.nonzero(image > 0.5).float()
"""


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """Modules of a user, with their checkpoints, in the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("networks_of_theirs.py").write_text(NETWORKS)
    module = import_module("networks_of_theirs")
    torch.manual_seed(0)
    for name in ("Recurrent", "Mean", "Step", "Boxes"):
        torch.save(getattr(module, name)().state_dict(), f"{name}.pt")
    yield module
    del sys.modules["networks_of_theirs"]


def of(name):
    """Return the options that name a module of theirs."""
    return ("--factory", f"networks_of_theirs:{name}", "--checkpoint", f"{name}.pt")


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()


@pytest.mark.parametrize("make", ["trace", "script"])
def test_torchscript_is_served_as_it_is(exported, make):
    module = small()
    script = torch.jit.trace(module, torch.ones(2, 4)) if make == "trace" else torch.jit.script(module)
    torch.jit.save(script, "net.pt")
    status, said = exported("--torchscript", "net.pt", "--input-shape", "4")
    assert (status, "with the setting runtime: torchscript" in said) == (0, True)
    assert exported.signature["formats"] == ["torchscript"]
    with np.load(exported.path / "sample.npz") as sample:
        expected = module(torch.from_numpy(sample["input"])).detach().numpy()
        np.testing.assert_allclose(sample["output"], expected, atol=1e-6)


def test_arrays_reach_the_arguments_of_their_names_in_torchscript(exported, networks):
    torch.jit.save(torch.jit.script(networks.Mean()), "net.pt")
    np.savez("x.npz", mask=np.full((4, 12), 2), ids=IDS)
    assert exported("--torchscript", "net.pt", "--example", "x.npz")[0] == 0
    assert [tensor["name"] for tensor in exported.signature["inputs"]] == ["ids", "mask"]
    with np.load(exported.path / "sample.npz") as sample:
        assert sample["sum"].tolist() == [2 * IDS[0].sum()]


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_a_file_that_is_no_torchscript_is_told(exported, content):
    if content is None:
        torch.save(small().state_dict(), "net.pt")
    else:
        Path("net.pt").write_bytes(content)
    status, said = exported("--torchscript", "net.pt", "--input-shape", "4")
    assert (status, "not a file of torch.jit.save" in said, "--checkpoint" in said) == (1, True, True)


def program(file, module, *arguments, **options):
    torch.export.save(torch.export.export(module.eval(), arguments, **options), file)


def test_a_program_of_torch_export_keeps_the_axes_that_it_leaves_open(exported, networks):
    dynamic = torch.export.Dim.DYNAMIC
    shapes = {name: {0: dynamic, 1: dynamic} for name in ("ids", "mask")}
    given = (torch.from_numpy(IDS), torch.ones(4, 12, dtype=torch.int64))
    program("net.pt2", networks.Mean(), *given, dynamic_shapes=shapes)
    np.savez("x.npz", mask=np.ones((4, 12), np.int64), ids=IDS)
    assert exported("--exported-program", "net.pt2", "--example", "x.npz")[0] == 0
    assert exported.shapes("inputs") == {"ids": [-1, -1], "mask": [-1, -1]}
    assert exported.shapes("outputs") == {"sum": [-1], "values": [-1, -1]}


def test_a_program_for_one_batch_size_is_served_one_sample_at_a_time(exported):
    program("net.pt2", small(), torch.ones(1, 4))
    assert exported("--exported-program", "net.pt2")[0] == 0
    assert exported.shapes("inputs") == {"input": [1, 4]}
    assert exported.signature["batchable"] is False


class RunsCode:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return (Path.write_text, (Path("code-has-run"), ""))


def test_no_code_in_a_program_of_torch_export_is_run(exported):
    program("net.pt2", small(), torch.ones(1, 4))
    with zipfile.ZipFile("net.pt2") as whole, zipfile.ZipFile("evil.pt2", "w", zipfile.ZIP_STORED) as evil:
        for name in whole.namelist():
            content = whole.read(name)
            if "sample_inputs" in name and name.endswith(".pt"):
                written = io.BytesIO()
                torch.save(RunsCode(), written)
                content = written.getvalue()
            evil.writestr(name, content)
    exported("--exported-program", "evil.pt2")
    assert not Path("code-has-run").exists()


def test_a_pickled_module_is_read_only_where_its_code_may_run(exported, capsys):
    torch.save(small(), "net.pt")
    with pytest.raises(SystemExit):
        exported("--pickled", "net.pt", "--input-shape", "4")
    assert "--run-code-in-file is missing: " in capsys.readouterr().err
    status, said = exported("--pickled", "net.pt", "--input-shape", "4", "--run-code-in-file")
    assert (status, "this runs code that is in the file" in said) == (0, True)


def test_a_pickle_of_something_else_is_told(exported):
    torch.save({"weights": torch.ones(2)}, "net.pt")
    status, said = exported("--pickled", "net.pt", "--input-shape", "4", "--run-code-in-file")
    assert (status, "holds dict, not a module" in said) == (1, True)
    Path("net.pt").write_bytes(pickle.dumps(1)[:3])
    status, said = exported("--pickled", "net.pt", "--input-shape", "4", "--run-code-in-file")
    assert (status, "cannot be unpickled" in said) == (1, True)


OPENED = ("--open-axis", "ids:1", "--open-axis", "mask:1")


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize("opened", [False, True])
def test_an_axis_of_a_module_is_fixed_unless_it_is_opened(exported, opened):
    np.savez("x.npz", mask=np.ones((4, 12), np.int64), ids=IDS)
    status, said = exported(*of("Mean"), "--example", "x.npz", *(OPENED if opened else ()))
    assert status == 0
    length = -1 if opened else 12
    assert exported.shapes("inputs") == {"ids": [-1, length], "mask": [-1, length]}
    assert exported.shapes("outputs") == {"sum": [-1], "values": [-1, length]}
    advice = "axis 1 of ids is fixed at 12; --open-axis ids:1 opens it"
    assert (advice in said) == (not opened)
    assert ("will be compared at the lengths ids [6], mask [6] as well" in said) == opened


@pytest.mark.usefixtures("networks")
def test_examples_of_two_lengths_open_the_axis_of_a_recurrent_layer(exported):
    np.save("long.npy", IDS)
    np.save("short.npy", IDS[:, :5])
    given = ("--example", "long.npy", "--example", "short.npy", "--input-name", "ids")
    status, said = exported(*of("Recurrent"), *given, "--format", "onnx", "--format", "torchscript")
    assert status == 0, said
    assert exported.shapes("inputs") == {"ids": [-1, -1]}
    assert exported.shapes("outputs") == {"output": [-1, -1, 6]}


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("id:1", "--open-axis id:1: the inputs are input"),
        ("input:0", "axis 0 is the batch, which is open; leave it out"),
        ("input:7", "'input' has 2 axes, the first of which is axis 0"),
    ],
)
def test_an_axis_that_is_not_there_is_told(exported, axis, message):
    np.save("x.npy", IDS)
    status, said = exported(*of("Recurrent"), "--example", "x.npy", "--open-axis", axis)
    assert (status, message in said) == (1, True)


def test_what_is_no_axis_ends_with_the_usage(exported, capsys):
    with pytest.raises(SystemExit):
        exported("--factory", "a:b", "--checkpoint", "x", "--open-axis", "input")
    assert "'input': give an input and the number of an axis, as input_ids:1" in capsys.readouterr().err


@pytest.mark.usefixtures("networks")
def test_a_module_with_a_state_and_a_scalar_is_served_one_sample_at_a_time(exported):
    np.savez("x.npz", state=np.ones((2, 1, 8), np.float32), rate=np.float32(3))
    given = (*of("Step"), "--example", "x.npz", "--no-batch-axis")
    assert exported(*given, "--format", "onnx", "--format", "torchscript")[0] == 0
    assert exported.shapes("inputs") == {"state": [2, 1, 8], "rate": []}
    assert exported.shapes("outputs") == {"output": [2, 1, 8], "output_1": []}


@pytest.mark.usefixtures("networks")
def test_a_module_may_find_as_many_boxes_as_there_are(exported):
    values = np.random.default_rng(0).random((9, 7), dtype=np.float32)
    np.save("a.npy", values)
    np.save("b.npy", values[:4])
    given = (*of("Boxes"), "--example", "a.npy", "--example", "b.npy", "--input-name", "image")
    assert exported(*given, "--no-batch-axis")[0] == 0
    assert exported.shapes("inputs") == {"image": [-1, 7]}
    assert exported.shapes("outputs") == {"output": [-1, 2]}


def test_large_weights_are_written_beside_the_graph(exported, monkeypatch):
    from model.formats import onnx

    monkeypatch.setattr(onnx, "LARGEST_INLINE", 100)
    torch.save(small(), "net.pt")
    assert exported("--pickled", "net.pt", "--input-shape", "4", "--run-code-in-file")[0] == 0
    files = {file.name for file in (exported.path / "onnx").iterdir()}
    assert files == {"model.onnx", "model.onnx.data"}


def test_weights_in_half_precision_are_exported(exported):
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3).half()

        def forward(self, x):
            return self.linear(x.half()).float()

    torch.jit.save(torch.jit.trace(Half().eval(), torch.ones(2, 4)), "net.pt")
    assert exported("--torchscript", "net.pt", "--input-shape", "4")[0] == 0
