import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model.__main__ import main  # noqa: E402 - after the check that PyTorch is there
from model.export import export  # noqa: E402

ROOT = Path(__file__).parents[2]


def test_ones_own_model_is_exported_from_a_factory_and_a_checkpoint(own_module, capsys):
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
    assert main([*own_module, *arguments, "--labels", "labels.txt", "--activation", "softmax"]) == 0
    said = json.loads(Path("build/model/mine/latest/signature.json").read_text())
    assert said["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 3, 6, 6]}]
    assert said["outputs"] == [{"name": "scores", "datatype": "FP32", "shape": [-1, 2]}]
    assert (said["labels"], said["activation"]) == (["cat", "dog"], "softmax")
    output = capsys.readouterr().out
    assert "torchscript answers as the model does: largest difference" in output
    assert f"version {said['version']} is in build/model/mine/{said['version']}" in output


def test_the_order_of_several_inputs_is_shown(own_module, capsys):
    Path("my_network.py").write_text(
        "import torch\n\n\nclass Two(torch.nn.Module):\n    def forward(self, left, right):\n"
        "        return left - right\n\n\ndef make():\n    return Two()\n"
    )
    torch.save({}, "weights.pt")
    np.savez("x.npz", right=np.ones((2, 3), np.float32), left=np.zeros((2, 3), np.float32))
    assert main([*own_module, "--name", "mine", "--example", "x.npz"]) == 0
    assert "inputs in the order of forward()'s parameters: left, right" in capsys.readouterr().out


def test_labels_without_a_class_each_are_refused_before_anything_is_written(own_module, capsys):
    Path("labels.txt").write_text("cat\ndog\n")
    Path("my_network.py").write_text("from torch import nn\n\n\ndef make():\n    return nn.Identity()\n")
    torch.save({}, "weights.pt")
    arguments = ["--name", "mine", "--input-shape", "7,2", "--labels", "labels.txt"]
    assert main([*own_module, *arguments]) == 1
    assert "labels: 2 cannot name the classes of 'output' [-1, 7, 2]" in capsys.readouterr().err
    assert not Path("build").exists()


def test_a_checkpoint_that_does_not_fit_is_explained_key_by_key_and_nothing_is_written(own_module, capsys):
    torch.save({"0.weight": torch.zeros(1)}, "weights.pt")
    assert main([*own_module, "--name", "mine", "--input-shape", "3,6,6"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --checkpoint weights.pt does not fit Sequential:")
    assert "missing key: 1.weight" in error
    assert "unexpected key: 0.weight" in error
    assert not Path("build").exists()


def test_an_export_that_answers_otherwise_ends_with_status_1_and_without_an_artifact(own_module, capsys):
    Path("my_network.py").write_text(
        "import torch\n\n\nclass Shy(torch.nn.Module):\n    def forward(self, x):\n"
        "        return x + 0.25 if torch.jit.is_tracing() else x\n\n\ndef make():\n    return Shy()\n"
    )
    torch.save({}, "weights.pt")
    assert main([*own_module, "--name", "mine", "--input-shape", "3"]) == 1
    error = capsys.readouterr().err
    assert "torchscript does not answer as the model does; no artifact is written. Worst at batch" in error
    assert not Path("build", "model", "mine").exists()


def test_a_wider_tolerance_lets_a_difference_through(own_module):
    Path("my_network.py").write_text(
        "import torch\n\n\nclass Shy(torch.nn.Module):\n    def forward(self, x):\n"
        "        return x + 5e-4 if torch.jit.is_tracing() else x\n\n\ndef make():\n    return Shy()\n"
    )
    torch.save({}, "weights.pt")
    assert main([*own_module, "--name", "mine", "--input-shape", "3"]) == 1
    assert main([*own_module, "--name", "mine", "--input-shape", "3", "--atol", "0.01"]) == 0


def test_a_folder_that_cannot_be_written_is_named_with_the_option_for_another(own_module, capsys):
    Path("file").write_text("")
    assert main([*own_module, "--name", "mine", "--input-shape", "3,6,6", "--output", "file"]) == 1
    error = capsys.readouterr().err
    assert "Not a directory: 'file/mine'" in error
    assert "Give --output a folder that you may write to" in error


def test_the_sizes_that_requests_must_have_are_shown(own_module, capsys):
    assert main([*own_module, "--name", "mine", "--input-shape", "3,6,6"]) == 0
    output = capsys.readouterr().out
    assert "input input: FP32 [-1, 3, 6, 6]" in output
    assert "output output: FP32 [-1, 2]" in output
    assert "requests must have these sizes; only the first axis, the batch, is open (-1)" in output


def test_a_signal_leaves_no_unfinished_artifact(own_module, tmp_path):
    Path("my_network.py").write_text(
        "import sys, time, torch\n\n\nclass Slow(torch.nn.Module):\n    def forward(self, x):\n"
        "        if torch.jit.is_tracing():\n            print('tracing', flush=True)\n"
        "            time.sleep(100)\n        return x * 2\n\n\ndef make():\n    return Slow()\n"
    )
    torch.save({}, "weights.pt")
    command = [sys.executable, "-m", "model", *own_module, "--name", "mine", "--input-shape", "3"]
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
