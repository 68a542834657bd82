import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from model.__main__ import main  # noqa: E402 - after the check that PyTorch is there

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


def signature(name):
    return json.loads(Path("build", "model", name, "latest", "signature.json").read_text())


def test_the_shape_is_taken_from_an_example_and_the_sample_is_its_first_row(own_module):
    np.save("x.npy", np.full((1, 3, 6, 6), 5, np.float32))
    assert main([*own_module, "--name", "mine", "--example", "x.npy"]) == 0
    with np.load("build/model/mine/latest/sample.npz") as sample:
        assert sample["input"].shape == (1, 3, 6, 6)
        np.testing.assert_allclose(sample["output"], [[5, 5]], rtol=1e-6)


def test_a_photograph_is_an_example_where_it_is_said_how_it_becomes_an_input(own_module):
    Path("image.json").write_text(json.dumps(IMAGE))
    Image.new("RGB", (20, 12), (191, 191, 191)).save("photograph.jpg")
    assert main([*own_module, "--name", "mine", "--image", "image.json", "--example", "photograph.jpg"]) == 0
    assert signature("mine")["image"] == IMAGE
    with Image.open("build/model/mine/latest/sample.png") as photograph:
        assert photograph.size == (20, 12)
    with np.load("build/model/mine/latest/sample.npz") as sample:
        np.testing.assert_allclose(sample["photograph"], 1, atol=0.01)


def test_where_it_is_said_how_a_photograph_becomes_an_input_its_shape_need_not_be(own_module):
    Path("image.json").write_text(json.dumps(IMAGE))
    assert main([*own_module, "--name", "mine", "--image", "image.json"]) == 0
    assert signature("mine")["inputs"][0]["shape"] == [-1, 3, 6, 6]


def test_an_unknown_key_of_an_image_ends_with_status_1(own_module, capsys):
    Path("image.json").write_text(json.dumps({**IMAGE, "colours": "BGR"}))
    assert main([*own_module, "--name", "mine", "--image", "image.json"]) == 1
    assert "colours is unknown" in capsys.readouterr().err


def test_the_photograph_beside_the_sample_is_upright(own_module):
    Path("image.json").write_text(json.dumps(IMAGE))
    sideways = Image.new("RGB", (20, 12))
    exif = sideways.getexif()
    exif[0x0112] = 6
    sideways.save("photograph.jpg", exif=exif)
    assert main([*own_module, "--name", "mine", "--image", "image.json", "--example", "photograph.jpg"]) == 0
    with Image.open("build/model/mine/latest/sample.png") as photograph:
        assert photograph.size == (12, 20)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\n\n", "line 2 is empty: give the name of one class on each line"),
        (b"\ncat\n \ndog", "line 1, 3 is empty"),
        (b"caf\xe9\ndog", "not UTF-8 text"),
        (b"", "there are 0 labels for 2 classes"),
    ],
)
def test_labels_that_name_no_class_are_refused(own_module, content, message, capsys):
    Path("labels.txt").write_bytes(content)
    assert main([*own_module, "--name", "mine", "--input-shape", "3,6,6", "--labels", "labels.txt"]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("content", ["\ufeffcafé\r\ndog\r\n", "café\ndog"])
def test_labels_are_read_as_editors_write_them(own_module, content):
    Path("labels.txt").write_text(content, encoding="utf-8", newline="")
    assert main([*own_module, "--name", "mine", "--input-shape", "3,6,6", "--labels", "labels.txt"]) == 0
    assert signature("mine")["labels"] == ["café", "dog"]


@pytest.mark.parametrize(
    ("option", "content"), [("--labels", None), ("--image", "{}"), ("--image", "{"), ("--example", "x")]
)
def test_a_file_that_cannot_be_read_is_named(own_module, tmp_path, option, content, capsys):
    if content is not None:
        (tmp_path / "file.x").write_text(content)
    shape = [] if option == "--example" else ["--input-shape", "3,6,6"]
    assert main([*own_module, "--name", "mine", *shape, option, "file.x"]) == 1
    assert "file.x" in capsys.readouterr().err


def test_without_pytorch_the_command_that_adds_it_is_named(own_module, capsys, monkeypatch):
    for name in ("pytorch", "checkpoint", "factory"):
        for package in ("model", "model.sources"):
            monkeypatch.delitem(sys.modules, f"{package}.{name}", raising=False)
            monkeypatch.delattr(f"{package}.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)

    assert main([*own_module, "--name", "mine", "--input-shape", "3,6,6"]) == 1

    assert "--factory needs torch: `make pytorch` adds it" in capsys.readouterr().err
