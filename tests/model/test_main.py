import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model.__main__ import main  # noqa: E402 - after the check that PyTorch is there
from model.export import export  # noqa: E402

ROOT = Path(__file__).parents[2]
IMAGE = {
    "input": "photograph",
    "resize": 8,
    "crop": [6, 6],
    "interpolation": "bilinear",
    "layout": "NCHW",
    "scale": 0.00392156862745098,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
}


OWN = ["export", "--factory", "a:b", "--checkpoint", "w.pt", "--name", "mine"]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """One's own module and its checkpoint, in the current directory."""
    (tmp_path / "my_network.py").write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 2))\n"
    )
    weights = {"1.weight": torch.ones(2, 108) / 108, "1.bias": torch.zeros(2)}
    torch.save(weights, tmp_path / "weights.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield ["export", "--factory", "my_network:make", "--checkpoint", "weights.pt", "--format", "torchscript"]
    sys.modules.pop("my_network", None)


def signature(name):
    return json.loads(Path("build", "model", name, "latest", "signature.json").read_text())


def test_ones_own_model_is_exported_from_a_factory_and_a_checkpoint(own, capsys):
    Path("labels.txt").write_text("cat\ndog\n")
    arguments = [
        "--name",
        "mine",
        "--input-shape",
        "3,6,6",
        "--input-name",
        "pixels",
        "--output-name",
        "scores",
    ]
    assert main([*own, *arguments, "--labels", "labels.txt", "--activation", "softmax"]) == 0
    said = signature("mine")
    assert said["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 3, 6, 6]}]
    assert said["outputs"] == [{"name": "scores", "datatype": "FP32", "shape": [-1, 2]}]
    assert (said["labels"], said["activation"]) == (["cat", "dog"], "softmax")
    output = capsys.readouterr().out
    assert "torchscript answers as the model does: largest difference" in output
    assert f"version {said['version']} is in build/model/mine/{said['version']}" in output


def test_the_shape_is_taken_from_an_example_and_the_sample_is_its_first_row(own):
    np.save("x.npy", np.full((1, 3, 6, 6), 5, np.float32))
    assert main([*own, "--name", "mine", "--example", "x.npy"]) == 0
    with np.load("build/model/mine/latest/sample.npz") as sample:
        assert sample["input"].shape == (1, 3, 6, 6)
        np.testing.assert_allclose(sample["output"], [[5, 5]], rtol=1e-6)


def test_a_photograph_is_an_example_where_it_is_said_how_it_becomes_an_input(own):
    Path("image.json").write_text(json.dumps(IMAGE))
    Image.new("RGB", (20, 12), (191, 191, 191)).save("photograph.jpg")
    assert main([*own, "--name", "mine", "--image", "image.json", "--example", "photograph.jpg"]) == 0
    assert signature("mine")["image"] == IMAGE
    with Image.open("build/model/mine/latest/sample.png") as photograph:
        assert photograph.size == (20, 12)
    with np.load("build/model/mine/latest/sample.npz") as sample:
        np.testing.assert_allclose(sample["photograph"], 1, atol=0.01)


def test_where_it_is_said_how_a_photograph_becomes_an_input_its_shape_need_not_be(own):
    Path("image.json").write_text(json.dumps(IMAGE))
    assert main([*own, "--name", "mine", "--image", "image.json"]) == 0
    assert signature("mine")["inputs"][0]["shape"] == [-1, 3, 6, 6]


def test_an_unknown_key_of_an_image_ends_with_status_1(own, capsys):
    Path("image.json").write_text(json.dumps({**IMAGE, "color": "BGR"}))
    assert main([*own, "--name", "mine", "--image", "image.json"]) == 1
    assert "color is unknown" in capsys.readouterr().err


def test_the_order_of_several_inputs_is_shown(own, capsys):
    Path("my_network.py").write_text(
        "import torch\n\n\nclass Two(torch.nn.Module):\n    def forward(self, left, right):\n"
        "        return left - right\n\n\ndef make():\n    return Two()\n"
    )
    torch.save({}, "weights.pt")
    np.savez("x.npz", right=np.ones((2, 3), np.float32), left=np.zeros((2, 3), np.float32))
    assert main([*own, "--name", "mine", "--example", "x.npz"]) == 0
    assert "inputs in the order of forward()'s parameters: left, right" in capsys.readouterr().out


def test_labels_without_a_class_each_are_refused_before_anything_is_written(own, capsys):
    Path("labels.txt").write_text("cat\ndog\n")
    Path("my_network.py").write_text("from torch import nn\n\n\ndef make():\n    return nn.Identity()\n")
    torch.save({}, "weights.pt")
    arguments = ["--name", "mine", "--input-shape", "7,2", "--labels", "labels.txt"]
    assert main([*own, *arguments]) == 1
    assert "labels: 2 cannot name the classes of 'output' [-1, 7, 2]" in capsys.readouterr().err
    assert not Path("build").exists()


def test_the_photograph_beside_the_sample_is_upright(own):
    Path("image.json").write_text(json.dumps(IMAGE))
    sideways = Image.new("RGB", (20, 12))
    exif = sideways.getexif()
    exif[0x0112] = 6
    sideways.save("photograph.jpg", exif=exif)
    assert main([*own, "--name", "mine", "--image", "image.json", "--example", "photograph.jpg"]) == 0
    with Image.open("build/model/mine/latest/sample.png") as photograph:
        assert photograph.size == (12, 20)


def test_a_checkpoint_that_does_not_fit_is_explained_key_by_key_and_nothing_is_written(own, capsys):
    torch.save({"0.weight": torch.zeros(1)}, "weights.pt")
    assert main([*own, "--name", "mine", "--input-shape", "3,6,6"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --checkpoint weights.pt does not fit Sequential:")
    assert "missing key: 1.weight" in error
    assert "unexpected key: 0.weight" in error
    assert not Path("build").exists()


def test_an_export_that_answers_otherwise_ends_with_status_1_and_without_an_artifact(own, capsys):
    Path("my_network.py").write_text(
        "import torch\n\n\nclass Shy(torch.nn.Module):\n    def forward(self, x):\n"
        "        return x + 0.25 if torch.jit.is_tracing() else x\n\n\ndef make():\n    return Shy()\n"
    )
    torch.save({}, "weights.pt")
    assert main([*own, "--name", "mine", "--input-shape", "3"]) == 1
    error = capsys.readouterr().err
    assert "torchscript does not answer as the model does; no artifact is written. Worst at batch" in error
    assert not Path("build", "model", "mine").exists()


def test_a_wider_tolerance_lets_a_difference_through(own):
    Path("my_network.py").write_text(
        "import torch\n\n\nclass Shy(torch.nn.Module):\n    def forward(self, x):\n"
        "        return x + 5e-4 if torch.jit.is_tracing() else x\n\n\ndef make():\n    return Shy()\n"
    )
    torch.save({}, "weights.pt")
    assert main([*own, "--name", "mine", "--input-shape", "3"]) == 1
    assert main([*own, "--name", "mine", "--input-shape", "3", "--atol", "0.01"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export"], "give one of digits, efficientnet-lite0, or one of --factory or --saved-model"),
        (
            ["export", "--factory", "a:b", "--saved-model", "x", "--name", "a"],
            "--factory and --saved-model name two models",
        ),
        (["export", "dogits"], "invalid choice: 'dogits'"),
        (["export", "digits", "--factory", "a:b"], "give one of"),
        (["export", "--factory", "a:b"], "--name"),
        ([*OWN], "--input-shape 3,224,224 or --example"),
        (["export", "--factory", "a:b", "--name", "mine", "--input-shape", "3"], "--checkpoint FILE"),
        (["export", "--input-shape", "3x3"], "--input-shape: '3x3': give sizes above 0"),
        (["export", "--input-shape", "3,0"], "--input-shape: '3,0': give sizes above 0"),
        (["export", "--atol", "-1"], "--atol: '-1': give a number of 0 or more"),
        (["export", "--rtol", "nan"], "--rtol: 'nan': give a number of 0 or more"),
        (["export", "digits", "--rtol", "1"], "--rtol 1 and --atol 0.0001 would tolerate an answer of zeros"),
        (["export", "--rtol", "much"], "--rtol: 'much': give a number of 0 or more"),
        (["export", "digits", "--labels", "x"], "--labels would have no effect: the ready-made model digits"),
        (["export", "digits", "--name", "a", "--not-batchable"], "--name, --not-batchable would have no"),
        ([*OWN, "--example", "x.npy", "--input-shape", "3"], "--input-shape would have no effect"),
        ([*OWN, "--example", "x.npz", "--input-name", "x"], "--input-name would have no effect: the arrays"),
        ([*OWN, "--image", "i.json", "--input-name", "x"], "--input-name would have no effect: --image"),
        ([*OWN, "--output-name", "a", "--output-name", "a"], "--output-name a, a: give each output a name"),
        (["export", "--saved-model", "a", "--name", "a", "--checkpoint", "x"], "--checkpoint would have no"),
        (["export", "--saved-model", "a", "--name", "a", "--input-name", "x"], "--input-name would have no"),
    ],
)
def test_options_that_do_not_go_together_end_with_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\n\n", "line 2 is empty: give the name of one class on each line"),
        (b"\ncat\n \ndog", "line 1, 3 is empty"),
        (b"caf\xe9\ndog", "not UTF-8 text"),
        (b"", "there are 0 labels for 2 classes"),
    ],
)
def test_labels_that_name_no_class_are_refused(own, content, message, capsys):
    Path("labels.txt").write_bytes(content)
    assert main([*own, "--name", "mine", "--input-shape", "3,6,6", "--labels", "labels.txt"]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("content", ["\ufeffcafé\r\ndog\r\n", "café\ndog"])
def test_labels_are_read_as_editors_write_them(own, content):
    Path("labels.txt").write_text(content, encoding="utf-8", newline="")
    assert main([*own, "--name", "mine", "--input-shape", "3,6,6", "--labels", "labels.txt"]) == 0
    assert signature("mine")["labels"] == ["café", "dog"]


def test_a_folder_that_cannot_be_written_is_named_with_the_option_for_another(own, capsys):
    Path("file").write_text("")
    assert main([*own, "--name", "mine", "--input-shape", "3,6,6", "--output", "file"]) == 1
    error = capsys.readouterr().err
    assert "Not a directory: 'file/mine'" in error
    assert "Give --output a folder that you may write to" in error


def test_the_sizes_that_requests_must_have_are_shown(own, capsys):
    assert main([*own, "--name", "mine", "--input-shape", "3,6,6"]) == 0
    output = capsys.readouterr().out
    assert "input input: FP32 [-1, 3, 6, 6]" in output
    assert "output output: FP32 [-1, 2]" in output
    assert (
        "axes 1 and 2 and 3 of input are fixed at 3 and 6 and 6; --open-axis input:1 opens axis 1" in output
    )


def test_a_signal_leaves_no_unfinished_artifact(own, tmp_path):
    Path("my_network.py").write_text(
        "import sys, time, torch\n\n\nclass Slow(torch.nn.Module):\n    def forward(self, x):\n"
        "        if torch.jit.is_tracing():\n            print('tracing', flush=True)\n"
        "            time.sleep(100)\n        return x * 2\n\n\ndef make():\n    return Slow()\n"
    )
    torch.save({}, "weights.pt")
    command = [sys.executable, "-m", "model", *own, "--name", "mine", "--input-shape", "3"]
    with subprocess.Popen(
        command,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("tracing" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in error
    assert list(Path("build").rglob("*")) in ([], [Path("build/model")])


def test_a_damaged_artifact_in_the_list_is_named(tmp_path, capsys):
    (tmp_path / "mine" / "1").mkdir(parents=True)
    (tmp_path / "mine" / "1" / "signature.json").write_text("{}")
    assert main(["list", "--output", str(tmp_path)]) == 1
    assert f"{tmp_path}/mine/1 is damaged (KeyError: 'name'): delete it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "content"), [("--labels", None), ("--image", "{}"), ("--image", "{"), ("--example", "x")]
)
def test_a_file_that_cannot_be_read_is_named(own, tmp_path, option, content, capsys):
    if content is not None:
        (tmp_path / "file.x").write_text(content)
    shape = [] if option == "--example" else ["--input-shape", "3,6,6"]
    assert main([*own, "--name", "mine", *shape, option, "file.x"]) == 1
    assert "file.x" in capsys.readouterr().err


def test_artifacts_are_listed_with_version_formats_and_size(artifact, capsys):
    assert main(["list", "--output", str(artifact.path.parents[1])]) == 0
    assert capsys.readouterr().out == f"tiny  {artifact.signature.version}  onnx, torchscript  0.0 MB\n"


def test_another_process_in_another_folder_gives_the_same_version(digits_source, tmp_path):
    done = export(digits_source, ["torchscript"], tmp_path, lambda _line: None)
    command = [sys.executable, "-W", "error", "-m", "model", "export", "digits"]
    run = subprocess.run(
        [*command, "--format", "torchscript", "--output", "here"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    again = tmp_path / "here" / "digits" / done.signature.version
    assert (again / "signature.json").read_text() == done.signature.to_json()
    assert (again / "sample.npz").read_bytes() == (done.path / "sample.npz").read_bytes()


def test_without_pytorch_the_command_that_adds_it_is_named(own, capsys, monkeypatch):
    for name in ("pytorch", "checkpoint", "factory"):
        for package in ("model", "model.sources"):
            monkeypatch.delitem(sys.modules, f"{package}.{name}", raising=False)
            monkeypatch.delattr(f"{package}.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)

    assert main([*own, "--name", "mine", "--input-shape", "3,6,6"]) == 1

    assert "--factory needs torch: `make pytorch` adds it" in capsys.readouterr().err
