"""Loading, and the warm-up that refuses a model which does not answer as it did at export."""

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
    np.savez(path / "sample.npz", **{name: array for name, array in arrays.items() if array is not None})


def change_signature(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads((path / "signature.json").read_text())
    change(content)
    (path / "signature.json").write_text(json.dumps(content))


def error_of(path: Path, runtime: str = "onnx") -> str:
    with pytest.raises(ArtifactError) as caught:
        Model.load(Artifact.read(path), runtime, 3, "cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_that_answers_otherwise_than_at_export_is_refused(copy: Path):
    change_sample(copy, logits=np.array([[0, 1.5, 3.5]], np.float32))

    assert "'logits' off by 0.5" in error_of(copy)


def test_a_difference_that_another_processor_makes_is_tolerated(copy: Path):
    change_sample(copy, logits=np.array([[0, 1.5, 3.0001]], np.float32))

    Model.load(Artifact.read(copy), "onnx", 3, "cpu")


@pytest.fixture
def sizes(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batches that a model is given, which answers to them as at export."""
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


def test_no_batch_is_tried_that_is_far_larger_than_is_worth_it(
    tiny: Path, sizes: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.serving.model._seconds", lambda _, samples: 9e-3 * len(samples["x"]))

    pace = Model.load(Artifact.read(tiny), "onnx", 32, "cpu").profile_batches(32)

    assert pace.batch_size == 4
    # EfficientNet-Lite0 takes 14 MiB more for each sample of its largest batch, and keeps them.
    assert max(sizes) == 8


def test_no_batch_is_tried_that_would_take_much_of_the_memory(
    tiny: Path, sizes: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.serving.model._seconds", lambda *_: 1e-3)
    monkeypatch.setattr("app.serving.model.memory", lambda: 512 * 2**20)
    monkeypatch.setattr("app.serving.model.memory_used", lambda: 100 * 2**20 + 14 * 2**20 * max(sizes))

    Model.load(Artifact.read(tiny), "onnx", 32, "cpu").profile_batches(32)

    assert max(sizes) == 4


def test_a_batch_that_is_worth_it_is_checked_too(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    outputs = Artifact.read(tiny).outputs

    def run(inputs: dict) -> dict:
        size = len(inputs["x"])
        return {"logits": np.repeat(outputs["logits"], size, axis=0) + (0 if size < 4 else 1)}

    monkeypatch.setattr("app.runtimes.load", lambda *_: run)
    model = Model.load(Artifact.read(tiny), "onnx", 8, "cpu")

    with pytest.raises(ArtifactError, match="a batch of 4 of its own sample gives 'logits' off by 1"):
        model.profile_batches(8)


def test_an_export_that_froze_the_batch_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    artifact = Artifact.read(tiny)
    monkeypatch.setattr("app.runtimes.load", lambda *_: lambda _: artifact.outputs)

    with pytest.raises(ArtifactError, match=r"batch of 2 gives 'logits' as float32 \[1, 3\]"):
        Model.load(artifact, "onnx", 3, "cpu")


def test_a_model_file_that_is_none_is_refused_in_one_line(copy: Path):
    (copy / "onnx" / "model.onnx").write_bytes(b"not a model")

    assert "onnx cannot serve it" in error_of(copy)


def test_a_format_that_the_artifact_lacks_is_named_with_those_it_has(tiny: Path):
    assert "exported as onnx" in error_of(tiny, "torchscript")


def test_a_runtime_that_is_not_installed_is_named_with_its_requirements(
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
        (lambda s: s.update(labels=["a"]), "labels: 1 do not name the classes of 'logits' [-1, 3]"),
        (lambda s: s["inputs"][0].update(name="y"), "'y' is nothing"),
        (lambda s: s["inputs"][0].update(shape=[-1, 7]), "float32 [1, 2, 3]; the signature says FP32 [1, 7]"),
    ],
)
def test_a_signature_that_does_not_fit_is_refused_naming_the_key(copy: Path, change: Callable, says: str):
    change_signature(copy, change)

    assert says in error_of(copy)


def test_a_photograph_that_does_not_become_the_input_is_refused(colours: Path, tmp_path: Path):
    copy = Path(shutil.copytree(colours, tmp_path / "colours"))
    change_signature(copy, lambda s: s["image"].update(crop=[8, 8]))

    assert "image: a photograph becomes 'image' FP32 [-1, 3, 8, 8], not the input" in error_of(copy)


@pytest.mark.parametrize("name", ["signature.json", "sample.npz"])
def test_a_missing_file_is_named(copy: Path, name: str):
    (copy / name).unlink()

    assert name in error_of(copy)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04broken"])
def test_a_sample_that_cannot_be_read_is_named(copy: Path, content: bytes):
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
def test_a_batch_is_as_large_as_makes_up_for_its_way_to_the_model(
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: Callable[[int], float],
    batch_size: int,
    inline: bool,
):
    monkeypatch.setattr("app.serving.model._seconds", lambda _, samples: seconds(len(samples["x"])))

    pace = Model.load(Artifact.read(tiny), "onnx", 1, "cpu").profile_batches(32)

    assert (pace.batch_size, pace.inline) == (batch_size, inline)
    assert pace.seconds_per_sample == pytest.approx(seconds(batch_size) / batch_size)
