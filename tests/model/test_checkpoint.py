import json
import pickle
import struct
import sys
import warnings

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model import checkpoint  # noqa: E402 - after the check that PyTorch is there
from model.errors import ExportError  # noqa: E402


def silent(_line):
    pass


def network():
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))


@pytest.fixture
def trained():
    return {key: torch.rand_like(value) for key, value in network().state_dict().items()}


def loaded(file, report=silent):
    module = network()
    checkpoint.load(module, file, report)
    return module.state_dict()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": weights, "epoch": 3},
        lambda weights: {"model_state_dict": weights, "optimizer": {}},
        lambda weights: {"model": weights},
        lambda weights: {f"module.{key}": value for key, value in weights.items()},
        lambda weights: {"state_dict": {f"module.{key}": value for key, value in weights.items()}},
        lambda weights: {f"_orig_mod.{key}": value for key, value in weights.items()},
        lambda weights: {f"module._orig_mod.{key}": value for key, value in weights.items()},
        lambda weights: {"state_dict": {f"model.{key}": value for key, value in weights.items()}},
    ],
    ids=[
        "plain",
        "state_dict",
        "model_state_dict",
        "model",
        "parallel",
        "wrapped parallel",
        "compiled",
        "compiled parallel",
        "Lightning",
    ],
)
def test_weights_are_found_as_training_loops_save_them(tmp_path, trained, wrap):
    torch.save(wrap(trained), tmp_path / "weights.pt")
    found = loaded(tmp_path / "weights.pt")
    assert all(torch.equal(found[key], trained[key]) for key in trained)


def test_a_module_whose_own_keys_begin_so_keeps_them(tmp_path):
    module = torch.nn.Sequential()
    module.add_module("module", torch.nn.Linear(2, 2))
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    checkpoint.load(module, tmp_path / "weights.pt", silent)


def test_every_key_that_does_not_fit_is_named(tmp_path, trained):
    trained["2.weight"] = trained.pop("1.weight")
    trained["0.weight"] = torch.zeros(4, 2)
    torch.save(trained, tmp_path / "weights.pt")
    with pytest.raises(ExportError) as error:
        loaded(tmp_path / "weights.pt")
    assert "missing key: 1.weight" in str(error.value)
    assert "unexpected key: 2.weight" in str(error.value)
    assert "shape mismatch: 0.weight is [4, 2], and [3, 2] in the module" in str(error.value)


def test_a_prefix_before_some_keys_only_is_kept_and_told(tmp_path, trained):
    trained["model.1.bias"] = trained.pop("1.bias")
    torch.save(trained, tmp_path / "weights.pt")
    with pytest.raises(ExportError, match=r"missing key: 1\.bias\n  unexpected key: model\.1\.bias"):
        loaded(tmp_path / "weights.pt")


def test_quantized_weights_are_not_taken_for_numbers(tmp_path, trained):
    trained["1.weight"] = torch.ones(1, 3, dtype=torch.int8)
    torch.save(trained, tmp_path / "weights.pt")
    with pytest.raises(ExportError, match=r"type mismatch: 1\.weight is torch\.int8, and torch\.float32"):
        loaded(tmp_path / "weights.pt")


def test_a_lazy_module_takes_its_shape_from_the_weights(tmp_path, trained):
    torch.save(trained, tmp_path / "weights.pt")
    lazy = torch.nn.Sequential(torch.nn.LazyLinear(3), torch.nn.LazyLinear(1))
    checkpoint.load(lazy, tmp_path / "weights.pt", silent)
    assert all(torch.equal(lazy.state_dict()[key], trained[key]) for key in trained)


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
def test_a_module_without_values_is_refused(tmp_path, trained):
    torch.save(trained, tmp_path / "weights.pt")
    with torch.device("meta"):
        module = network()
    with pytest.raises(ExportError, match=r"0\.weight, .* on the device 'meta'.* make it on the CPU"):
        checkpoint.load(module, tmp_path / "weights.pt", silent)


class Harmful:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (self.mark.__class__.touch, (self.mark,))


def test_a_pickle_is_refused_unread_and_the_message_says_what_to_save(tmp_path):
    with (tmp_path / "model.pkl").open("wb") as file:
        pickle.dump(Harmful(tmp_path / "mark"), file)
    with pytest.raises(ExportError, match=r"torch\.save\(module\.state_dict\(\), \.\.\.\)") as refusal:
        loaded(tmp_path / "model.pkl")
    assert "weights_only" not in str(refusal.value)
    assert not (tmp_path / "mark").exists()


def test_a_whole_module_is_refused(tmp_path):
    torch.save(network(), tmp_path / "model.pt")
    with pytest.raises(ExportError, match=r"torch\.save\(module\.state_dict\(\), \.\.\.\)"):
        loaded(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [(torch.zeros(3), "holds a Tensor"), ({"epoch": 3}, "something other than weights is under epoch")],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(ExportError, match=message):
        loaded(tmp_path / "weights.pt")


def test_half_a_file_is_refused(tmp_path, trained):
    torch.save(trained, tmp_path / "weights.pt")
    whole = (tmp_path / "weights.pt").read_bytes()
    (tmp_path / "weights.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ExportError, match="or a damaged one"):
        loaded(tmp_path / "weights.pt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"none\.pt: No such file"):
        loaded(tmp_path / "none.pt")


def safetensors_of(weights):
    """Write weights as https://huggingface.co/docs/safetensors describes the format."""
    header, content = {}, b""
    for key, value in weights.items():
        array = value.numpy()
        offsets = [len(content), len(content) + array.nbytes]
        header[key] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": offsets}
        content += array.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


@pytest.mark.parametrize("name", ["net.safetensors", "net.bin"])
def test_safetensors_are_refused_for_their_missing_package_alone(tmp_path, trained, monkeypatch, name):
    (tmp_path / name).write_bytes(safetensors_of(trained))
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(
        ExportError, match=r"weights as safetensors, .* is not installed: `make pytorch` adds it"
    ):
        loaded(tmp_path / name)


def test_safetensors_are_read_where_the_package_is_installed(tmp_path, trained):
    pytest.importorskip("safetensors", reason="safetensors is not installed here")
    (tmp_path / "net.safetensors").write_bytes(safetensors_of(trained))
    found = loaded(tmp_path / "net.safetensors")
    assert all(torch.equal(found[key], trained[key]) for key in trained)


def test_torchscript_is_told_from_weights_with_the_line_that_makes_weights_of_it(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit", category=DeprecationWarning)
        torch.jit.save(torch.jit.script(network()), tmp_path / "model.pt")
    with pytest.raises(ExportError, match=r"this is TorchScript, .*torch\.jit\.load\(FILE\)\.state_dict\(\)"):
        loaded(tmp_path / "model.pt")


@pytest.mark.slow
def test_a_program_of_torch_export_is_told_from_weights(tmp_path):
    torch.export.save(torch.export.export(network(), (torch.ones(1, 2),)), tmp_path / "model.pt2")
    with pytest.raises(ExportError, match=r"a program of torch\.export.*torch\.export\.load\(FILE\)"):
        loaded(tmp_path / "model.pt2")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.onnx", "this is an ONNX model"),
        ("model.keras", "give --keras FILE"),
        ("model.h5", "give --keras FILE"),
        ("saved_model.pb", "a part of a SavedModel"),
        ("weights.npz", "NumPy arrays"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(ExportError, match=message):
        loaded(tmp_path / name)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ExportError, match="a folder; give the file with the weights in it"):
        loaded(tmp_path)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.", "_orig_mod.module."])
def test_a_prefix_of_the_keys_is_removed_and_said(tmp_path, trained, prefix):
    weights = {f"{prefix}{key}": value for key, value in trained.items()}
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "weights.ckpt")
    lines = []
    found = loaded(tmp_path / "weights.ckpt", lines.append)
    assert all(torch.equal(found[key], value) for key, value in trained.items())
    assert lines == [f"the prefix {prefix!r} is removed from the checkpoint's keys"]


def test_what_lightning_keeps_for_a_loss_is_left_out_and_said(tmp_path, trained):
    weights = {f"model.{key}": value for key, value in trained.items()} | {"loss.weight": torch.ones(2)}
    torch.save({"state_dict": weights, "pytorch-lightning_version": "2.5.0"}, tmp_path / "weights.ckpt")
    lines = []
    loaded(tmp_path / "weights.ckpt", lines.append)
    assert lines[1] == "keys without it are left out: loss.weight"


def test_a_part_of_the_keys_under_a_prefix_is_not_taken(tmp_path, trained):
    weights = {f"model.{key}": value for key, value in trained.items()} | {"model.other": torch.ones(2)}
    torch.save(weights, tmp_path / "weights.pt")
    with pytest.raises(ExportError, match=r"missing key: 0\.weight"):
        loaded(tmp_path / "weights.pt")


def test_damaged_safetensors_are_told(tmp_path, trained):
    pytest.importorskip("safetensors", reason="safetensors is not installed here")
    (tmp_path / "net.safetensors").write_bytes(safetensors_of(trained)[:-4])
    with pytest.raises(ExportError, match="damaged safetensors"):
        loaded(tmp_path / "net.safetensors")
