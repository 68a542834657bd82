"""The export of a live model, in one call, and the package that brings it into a notebook."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.errors import ExportError
from model.notebook import export
from tests.app.text import trained
from tests.tensorflow_threads import tensorflow

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROWS = np.random.default_rng(0).random((20, 3)).astype(np.float32)


def kept(folder: Path, name: str) -> np.ndarray:
    with np.load(folder / "sample.npz") as sample:
        return sample[name]


def test_a_module_of_pytorch_is_exported_from_an_array(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    module = torch.nn.Linear(3, 2)

    folder = export(module, ROWS, name="mine", labels=["a", "b"], folder=tmp_path, quiet=True)

    expected = module(torch.from_numpy(ROWS[:1])).detach().numpy()
    np.testing.assert_allclose(kept(folder, "output"), expected, atol=1e-6)
    assert folder.parent == tmp_path / "mine"


def test_examples_of_two_lengths_open_the_axis_in_which_they_differ(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

    class Mean(torch.nn.Module):
        def forward(self, steps):
            return steps.mean(1)

    examples = [{"steps": ROWS[:, :, None]}, {"steps": np.concatenate([ROWS, ROWS], 1)[:, :, None]}]
    folder = export(Mean(), examples, name="mean", folder=tmp_path, quiet=True)

    assert '"steps"' in (folder / "signature.json").read_text()
    assert "-1,\n    -1,\n    1" in (folder / "signature.json").read_text()


def test_an_estimator_is_exported_from_a_data_frame(tmp_path, capsys):
    pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed here")
    pd = pytest.importorskip("pandas", reason="the extra sklearn is not installed here")
    from sklearn.linear_model import LogisticRegression

    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"])
    model = LogisticRegression().fit(frame, np.where(frame.a > 0.5, "high", "low"))

    folder = export(model, frame, name="mine", folder=tmp_path)

    np.testing.assert_allclose(kept(folder, "probabilities"), model.predict_proba(frame[:1]), atol=1e-6)
    assert f"is in {folder}" in capsys.readouterr().out


def test_a_model_of_keras_is_exported_from_an_array(tmp_path):
    tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,), name="rows"), keras.layers.Dense(2, activation="softmax")])

    folder = export(model, ROWS, name="dense", labels=["low", "high"], folder=tmp_path, quiet=True)

    signature = json.loads((folder / "signature.json").read_text())
    assert signature["labels"] == ["low", "high"]
    (output,) = signature["outputs"]
    np.testing.assert_allclose(kept(folder, output["name"]), np.asarray(model(ROWS[:1])), atol=1e-6)


def test_a_model_of_transformers_is_exported_with_its_tokenizer(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    transformers = pytest.importorskip("transformers", reason="the extra huggingface is not installed here")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=24,
        model_input_names=["input_ids", "attention_mask"],
    )
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=200,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=48,
        id2label={0: "bad", 1: "good"},
        architectures=["BertForSequenceClassification"],
    )
    model = transformers.BertForSequenceClassification(config).eval()

    folder = export(model, name="texts", tokenizer=tokenizer, folder=tmp_path, quiet=True)

    with np.load(folder / "sample.npz") as sample:
        tokens = {name: torch.tensor(sample[name]) for name in ("input_ids", "attention_mask")}
        logits = sample["logits"]
    np.testing.assert_allclose(logits, model(**tokens).logits.detach().numpy(), atol=1e-6)
    assert (folder / "steps" / "tokenizer.json").exists()
    assert json.loads((folder / "signature.json").read_text())["labels"] == ["bad", "good"]


def test_a_model_of_no_known_library_is_refused(tmp_path):
    pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed here")

    with pytest.raises(ExportError, match="function is no estimator"):
        export(lambda rows: rows, ROWS, name="mine", folder=tmp_path, quiet=True)


def test_a_module_without_examples_is_refused(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

    with pytest.raises(ExportError, match="examples"):
        export(torch.nn.Linear(3, 2), name="mine", folder=tmp_path, quiet=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.prefix, "bin", "uv")
    done = subprocess.run(
        [uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], capture_output=True, text=True
    )
    if "Failed to fetch" in done.stderr or "dns error" in done.stderr:
        pytest.skip("the package index, which has the build backend, is not reachable")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_exporter_alone_under_its_own_name(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        code = {name: archive.read(name).decode() for name in names if name.endswith(".py")}
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()

    assert {name.partition("/")[0] for name in names} == {"slipway", "slipway-0.1.0.dist-info"}
    assert [name for name, text in code.items() if "from model" in text or "import model\n" in text] == []
    needed = [
        line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra" not in line
    ]
    assert len(needed) < 10
    assert not any("pulumi" in line or "fastapi" in line for line in needed)


def test_the_wheel_runs_beside_files_of_the_users_own_with_the_names_of_ours(wheel, tmp_path):
    pytest.importorskip("skl2onnx", reason="the extra sklearn is not installed here")
    for name in ("model", "app", "infra", "ops"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the file of the user was imported')\n")
    (tmp_path / "run.py").write_text(
        "import numpy as np, slipway, sys\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "rows = np.random.default_rng(0).random((20, 3)).astype('float32')\n"
        "fitted = LogisticRegression().fit(rows, rows[:, 0] > 0.5)\n"
        "print(slipway.export(fitted, rows, name='mine', quiet=True))\n"
        "assert 'model' not in sys.modules and '_export' in slipway.export.__module__\n"
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")

    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.strip() / "signature.json").exists()
