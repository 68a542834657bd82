"""The TensorFlow runtime, where TensorFlow is installed."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import runtimes
from app.artifact import Artifact
from app.cpu import cpu_limit
from app.runtimes import InputRefused
from app.serving.model import Model
from app.signature import ArtifactError
from app.tensors import Arrays
from tests.app.process import ROOT
from tests.tensorflow_threads import tensorflow

# Looked for and not imported: that takes seconds in each process that collects the tests.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("tensorflow") is None, reason="TensorFlow is not installed: make tensorflow"
    ),
]

TYPES = {"float32": "FP32", "int64": "INT64", "object": "BYTES"}


@pytest.fixture(scope="module")
def tf() -> Any:
    return tensorflow()


@pytest.fixture(scope="module")
def table(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A row's number and a word to the row, and to the word with the row's name before it."""

    class Table(tf.Module):
        def __init__(self) -> None:
            self.rows = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.int64, name="number"),
                tf.TensorSpec([None], tf.string, name="word"),
            ]
        )
        def serve(self, number: Any, word: Any) -> dict[str, Any]:
            names = tf.gather(tf.constant(["é", "ten"]), number)
            return {"row": tf.gather(self.rows, number), "named": tf.strings.join([names, word], " ")}

    path = tmp_path_factory.mktemp("savedmodel")
    module = Table()
    tf.saved_model.save(module, str(path / "savedmodel"), signatures={"serving_default": module.serve})
    return artifact(
        path,
        {"number": np.array([1]), "word": np.array(["x"], np.object_)},
        {"row": np.array([[3, 4]], np.float32), "named": np.array(["ten x"], np.object_)},
    )


def artifact(path: Path, inputs: Arrays, outputs: Arrays) -> Artifact:
    def described(arrays: Arrays) -> list[dict[str, Any]]:
        return [
            {"name": name, "datatype": TYPES[str(array.dtype)], "shape": [-1, *array.shape[1:]]}
            for name, array in arrays.items()
        ]

    # An array of objects would be a pickle.
    stored = {
        name: array.astype(np.str_) if array.dtype == np.object_ else array
        for name, array in {**inputs, **outputs}.items()
    }
    np.savez(path / "sample.npz", allow_pickle=False, **stored)
    signature = {"inputs": described(inputs), "outputs": described(outputs), "labels": None}
    rest = {"name": "m", "version": "1", "formats": ["savedmodel"], "activation": None, "image": None}
    (path / "signature.json").write_text(json.dumps({**signature, **rest}))
    return Artifact.read(path)


def test_tensors_are_passed_by_name_and_strings_are_returned_as_str(table: Artifact):
    model = Model.load(table, "savedmodel", 2, "auto")

    answer = model.run({"word": np.array(["a", "ö"], np.object_), "number": np.array([1, 0])})

    assert model.device == "cpu"
    assert answer["row"].tolist() == [[3, 4], [1, 2]]
    assert answer["named"].tolist() == ["ten a", "é ö"]


def test_a_number_beyond_the_table_is_refused(table: Artifact):
    model = Model.load(table, "savedmodel", 1, "cpu")

    with pytest.raises(InputRefused):
        model.run({"number": np.array([9]), "word": np.array(["a"], np.object_)})


def test_as_many_calls_run_at_once_as_there_are_cores(tf: Any, tmp_path: Path):
    meeting = threading.Barrier(cpu_limit())

    def meet(row: np.ndarray) -> np.ndarray:
        meeting.wait(10)
        return row

    class Meeting(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="row")])
        def serve(self, row: Any) -> dict[str, Any]:
            return {"same": tf.ensure_shape(tf.numpy_function(meet, [row], tf.float32), [None])}

    module, row = Meeting(), np.array([1], np.float32)
    tf.saved_model.save(module, str(tmp_path / "savedmodel"), signatures={"serving_default": module.serve})
    served = artifact(tmp_path, {"row": row}, {"same": row})
    run = runtimes.load(served.path, served.signature, "savedmodel", "cpu")

    with ThreadPoolExecutor(cpu_limit()) as threads:
        answers = list(threads.map(run, [{"row": row}] * cpu_limit()))

    assert [answer["same"].tolist() for answer in answers] == [[1]] * cpu_limit()


def test_a_gpu_is_refused(table: Artifact):
    with pytest.raises(
        ArtifactError,
        match="SLIPWAY_DEVICE=gpu: savedmodel computes on cpu only; onnx or",
    ):
        Model.load(table, "savedmodel", 1, "gpu")


def test_tensorflow_can_be_imported_without_a_writable_temporary_folder():
    code = """
import tempfile
def none(): raise FileNotFoundError("no usable temporary directory")
tempfile._get_default_tempdir = none
import app.runtimes.savedmodel
assert tempfile.tempdir is None
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
