"""Loading a model, checking it against its export, and measuring its batch size."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.artifact import Artifact
from app.serving.model import Model
from app.signature import ArtifactError


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "tiny"))


def change_sample(path: Path, **changes: np.ndarray) -> None:
    with np.load(path / "sample.npz") as sample:
        arrays = {**sample, **changes}
    stored = {name: array for name, array in arrays.items() if array is not None}
    np.savez(path / "sample.npz", allow_pickle=False, **stored)


def change_signature(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads((path / "signature.json").read_text())
    change(content)
    (path / "signature.json").write_text(json.dumps(content))


def error_of(path: Path, runtime: str = "onnx") -> str:
    with pytest.raises(ArtifactError) as caught:
        Model.load(Artifact.read(path), runtime, 3, "cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_that_answers_differently_than_at_export_is_refused(copy: Path):
    change_sample(copy, logits=np.array([[0, 1.5, 3.5]], np.float32))

    assert "'logits' off by 0.5" in error_of(copy)


def test_a_difference_that_another_processor_makes_is_tolerated(copy: Path):
    change_sample(copy, logits=np.array([[0, 1.5, 3.0001]], np.float32))

    Model.load(Artifact.read(copy), "onnx", 3, "cpu")


@pytest.fixture
def sizes(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that a model got. The model answers as at export."""
    seen: list[int] = []
    outputs = Artifact.read(tiny).outputs

    def run(inputs: dict) -> dict:
        seen.append(len(inputs["x"]))
        return {"logits": np.repeat(outputs["logits"], len(inputs["x"]), axis=0)}

    monkeypatch.setattr("app.runtimes.load", lambda *_: run)
    return seen


def test_the_model_is_checked_alone_and_in_a_batch(tiny: Path, sizes: list[int]):
    Model.load(Artifact.read(tiny), "onnx", 7, "cpu")

    assert sizes == [1, 2]


def test_batches_far_larger_than_is_useful_are_not_tried(
    tiny: Path, sizes: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.serving.model._seconds", lambda _, samples: 9e-3 * len(samples["x"]))

    profile = Model.load(Artifact.read(tiny), "onnx", 32, "cpu").profile_batches(32)

    assert profile.batch_size == 4
    # EfficientNet-Lite0 takes 14 MiB more for each sample of its largest batch, and does not free it.
    assert max(sizes) == 8


def test_batches_that_would_take_much_memory_are_not_tried(
    tiny: Path, sizes: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.serving.model._seconds", lambda *_: 1e-3)
    monkeypatch.setattr("app.serving.model.memory", lambda: 512 * 2**20)
    monkeypatch.setattr("app.serving.model.memory_used", lambda: 100 * 2**20 + 14 * 2**20 * max(sizes))

    Model.load(Artifact.read(tiny), "onnx", 32, "cpu").profile_batches(32)

    assert max(sizes) == 4


def test_larger_batches_are_checked_as_well(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    outputs = Artifact.read(tiny).outputs

    def run(inputs: dict) -> dict:
        size = len(inputs["x"])
        return {"logits": np.repeat(outputs["logits"], size, axis=0) + (0 if size < 4 else 1)}

    monkeypatch.setattr("app.runtimes.load", lambda *_: run)
    model = Model.load(Artifact.read(tiny), "onnx", 8, "cpu")

    with pytest.raises(ArtifactError, match="a batch of 4 of its own sample gives 'logits' off by 1"):
        model.profile_batches(8)


def test_a_model_with_a_fixed_batch_size_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    artifact = Artifact.read(tiny)
    monkeypatch.setattr("app.runtimes.load", lambda *_: lambda _: artifact.outputs)

    with pytest.raises(ArtifactError, match=r"batch of 2 gives 'logits' as float32 \[1, 3\]"):
        Model.load(artifact, "onnx", 3, "cpu")


def test_a_file_that_is_not_a_model_is_refused_in_a_single_line(copy: Path):
    (copy / "onnx" / "model.onnx").write_bytes(b"not a model")

    assert "onnx cannot serve it" in error_of(copy)


def test_the_error_for_a_missing_format_names_the_existing_ones(tiny: Path):
    assert "exported as onnx" in error_of(tiny, "torchscript")


def test_the_error_for_a_runtime_that_is_not_installed_names_its_requirements(
    copy: Path, monkeypatch: pytest.MonkeyPatch
):
    (copy / "savedmodel").mkdir()
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    monkeypatch.delitem(__import__("sys").modules, "app.runtimes.savedmodel", raising=False)

    assert "app/requirements/savedmodel.txt" in error_of(copy, "savedmodel")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("version"), "version: Field required"),
        (lambda s: s["inputs"][0].update(datatype="FLOAT"), "inputs.0.datatype"),
        (lambda s: s["inputs"][0].update(shape=[1, 2, 3]), "inputs.0: Value error, shape [1, 2, 3]"),
        (lambda s: s.update(labels=["a"]), "labels: 1 cannot name the classes of 'logits' [-1, 3]"),
        (lambda s: s["inputs"][0].update(name="y"), "'y' is nothing"),
        (lambda s: s["inputs"][0].update(shape=[-1, 7]), "float32 [1, 2, 3]; the signature says FP32 [1, 7]"),
    ],
)
def test_the_error_for_a_wrong_signature_names_the_key(copy: Path, change: Callable, says: str):
    change_signature(copy, change)

    assert says in error_of(copy)


def test_a_signature_whose_picture_does_not_become_the_input_is_refused(colours: Path, tmp_path: Path):
    copy = Path(shutil.copytree(colours, tmp_path / "colours"))
    change_signature(copy, lambda s: s["image"].update(crop=[8, 8]))

    assert "image: a picture becomes 'image' FP32 [-1, 3, 8, 8], and this must be the only input" in error_of(
        copy
    )


@pytest.mark.parametrize("name", ["signature.json", "sample.npz"])
def test_the_error_for_a_missing_file_names_it(copy: Path, name: str):
    (copy / name).unlink()

    assert name in error_of(copy)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_the_error_for_an_unreadable_sample_names_the_file(copy: Path, content: bytes):
    (copy / "sample.npz").write_bytes(content)

    assert "sample.npz" in error_of(copy)


@pytest.mark.parametrize(
    ("seconds", "batch_size", "inline"),
    [
        (lambda size: 100e-3 * size, 1, False),
        (lambda size: 9e-3 * size, 4, False),
        (lambda size: 8e-3 + 1e-3 * size, 32, False),
        (lambda size: 10e-6 + 2e-6 * size, 32, True),
    ],
    ids=["slow", "an image", "one that gains", "small"],
)
def test_the_batch_size_is_the_smallest_that_makes_the_overhead_negligible(
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: Callable[[int], float],
    batch_size: int,
    inline: bool,
):
    monkeypatch.setattr("app.serving.model._seconds", lambda _, samples: seconds(len(samples["x"])))

    profile = Model.load(Artifact.read(tiny), "onnx", 1, "cpu").profile_batches(32)

    assert (profile.batch_size, profile.inline) == (batch_size, inline)
    assert profile.seconds_per_sample == pytest.approx(seconds(batch_size) / batch_size)
