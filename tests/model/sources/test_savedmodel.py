import importlib.util
import shutil
import subprocess
import sys

import numpy as np
import pytest

from model.__main__ import main
from model.errors import ExportError, ParityError
from model.export import export
from model.formats import savedmodel as savedmodel_format
from model.source import Description
from model.sources import savedmodel
from model.sources.kind import Given
from tests.tensorflow_threads import tensorflow

pytestmark = pytest.mark.slow

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("tf2onnx") is None,
    reason="TensorFlow is not installed: `make tensorflow` adds it",
)


def silent(_line):
    pass


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A SavedModel of a convolution: an image and a gain to features and logits."""
    tf = tensorflow()

    class Network(tf.Module):
        def __init__(self, scale=1.0):
            self.filters = tf.Variable(scale * tf.random.stateless_normal([3, 3, 3, 4], seed=(1, 2)))
            self.weights = tf.Variable(tf.random.stateless_normal([4, 5], seed=(3, 4)))

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 8, 8, 3], tf.float32, name="image"),
                tf.TensorSpec([None], tf.float32, name="gain"),
            ]
        )
        def serve(self, image, gain):
            features = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(image, self.filters, 1, "SAME")), [1, 2])
            return {"logits": tf.matmul(features, self.weights) * gain[:, None], "features": features}

        @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32, name="x")])
        def alone(self, x):
            return {"y": tf.matmul(x, self.weights)}

        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
        def shapeless(self, x):
            return {"y": x * 2}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.bfloat16, name="x")])
        def brain(self, x):
            return {"y": tf.cast(x, tf.float32)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="x")])
        def words(self, x):
            return {"y": tf.strings.length(x)}

        @tf.function(input_signature=[])
        def constant(self):
            return {"y": tf.ones([2, 3])}

        @tf.function(input_signature=[tf.TensorSpec([None, 3, 3], tf.float32, name="x")])
        def svd(self, x):
            return {"y": tf.linalg.svd(x, compute_uv=False)}

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64, name="ids")])
        def count(self, ids):
            return {"length": tf.reduce_sum(ids, 1)}

    home = tmp_path_factory.mktemp("saved")
    module, other = Network(), Network(scale=1.001)
    for folder, saved_module, function in [
        ("model", module, module.serve),
        ("other", other, other.serve),
        ("alone", module, module.alone),
        ("count", module, module.count),
        ("shapeless", module, module.shapeless),
        ("brain", module, module.brain),
        ("words", module, module.words),
        ("constant", module, module.constant),
        ("svd", module, module.svd),
    ]:
        tf.saved_model.save(saved_module, str(home / folder), signatures={"serving_default": function})
    shutil.copytree(home / "model", home / "torn", ignore=shutil.ignore_patterns("variables"))
    tf.saved_model.save(module, str(home / "unsigned"), signatures={"score": module.serve})
    return home


def source(folder, samples=None, outputs=None, **options):
    given = Given(
        model=folder,
        description=Description(name="network"),
        examples=(samples,) if samples else (),
        outputs=outputs,
        report=silent,
        options={"signature_name": None, "no_batch_axis": False, **options},
    )
    return savedmodel.load(given)


@pytest.fixture(scope="module")
def done(saved, tmp_path_factory):
    return export(source(saved / "model"), ["onnx", "savedmodel"], tmp_path_factory.mktemp("build"), silent)


@needs_tensorflow
def test_pytorch_can_be_imported_after_tensorflow():
    # Not with Triton, which torch for CUDA would bring: the process ends with a segmentation fault.
    subprocess.run([sys.executable, "-c", "import tensorflow, torch._dynamo"], check=True, timeout=120)


@needs_tensorflow
def test_it_is_served_as_onnx_and_as_itself(done):
    assert done.signature.formats == ("onnx", "savedmodel")
    assert (done.path / "onnx" / "model.onnx").is_file()
    assert (done.path / "savedmodel" / "saved_model.pb").is_file()
    assert (done.path / "savedmodel" / "variables" / "variables.index").is_file()


@needs_tensorflow
def test_tensors_keep_the_names_and_shapes_of_the_serving_signature(done):
    tensors = [(tensor.name, tensor.shape) for tensor in (*done.signature.inputs, *done.signature.outputs)]
    assert tensors == [("gain", (-1,)), ("image", (-1, 8, 8, 3)), ("features", (-1, 4)), ("logits", (-1, 5))]


@needs_tensorflow
def test_the_copy_runs_without_its_source_and_answers_the_sample(done):
    with np.load(done.path / "sample.npz") as sample:
        run = savedmodel_format.load(done.path / "savedmodel")
        answer = run({name: sample[name] for name in ("image", "gain")})
        np.testing.assert_allclose(answer["logits"], sample["logits"], atol=1e-6)


@needs_tensorflow
def test_the_same_savedmodel_is_the_same_version_and_other_variables_are_another(done, saved, tmp_path):
    again = export(source(saved / "model"), ["onnx", "savedmodel"], tmp_path, silent)
    assert again.signature == done.signature
    assert source(saved / "other").fingerprint != source(saved / "model").fingerprint


@needs_tensorflow
def test_another_models_conversion_fails_the_gate(saved, tmp_path):
    right, wrong = source(saved / "model"), source(saved / "other")
    mixed = right.__class__(
        description=right.description,
        eager=right.eager,
        samples=right.samples,
        fingerprint=right.fingerprint,
        formats=wrong.formats,
    )
    for name in ("onnx", "savedmodel"):
        with pytest.raises(ParityError, match=f"{name} does not answer"):
            export(mixed, [name], tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


@needs_tensorflow
def test_real_inputs_are_taken_and_the_outputs_chosen_come_in_their_order(saved, tmp_path):
    np.savez(tmp_path / "x.npz", gain=np.full(1, 2, np.float32), image=np.ones((1, 8, 8, 3), np.float32))
    arguments = ["export", "--saved-model", str(saved / "model"), "--name", "network", "--format", "onnx"]
    arguments += ["--example", str(tmp_path / "x.npz"), "--output", str(tmp_path / "build")]
    assert main([*arguments, "--output-name", "logits"]) == 0
    with np.load(tmp_path / "build" / "network" / "latest" / "sample.npz") as sample:
        assert set(sample) == {"image", "gain", "logits"}
        assert sample["gain"] == [2]


@needs_tensorflow
@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("nothing", "nothing"),
        ("unsigned", "has no signature 'serving_default'; --signature-name names one of score"),
        ("count", "give real inputs with --example FILE"),
        ("shapeless", r"'x' is saved without a shape: .* tf\.TensorSpec"),
        ("brain", r"'x' holds bfloat16, .* by tf\.cast"),
        ("words", "'x' holds strings, .* begins after the strings are encoded"),
        ("torn", "TensorFlow cannot load it: .* copy the whole folder"),
    ],
)
def test_a_savedmodel_that_cannot_be_served_is_refused(saved, folder, message):
    with pytest.raises(ExportError, match=message):
        source(saved / folder)


@needs_tensorflow
@pytest.mark.parametrize(
    "samples",
    [
        {"image": np.ones((1, 8, 8, 3), np.float32)},
        {"image": np.ones((1, 8, 8, 1), np.float32), "gain": np.ones(1, np.float32)},
        {"image": np.ones((1, 8, 8, 3)), "gain": np.ones(1, np.float32)},
    ],
    ids=["missing", "shape", "type"],
)
def test_samples_that_do_not_fit_are_refused(saved, samples):
    with pytest.raises(ExportError, match="--example has"):
        source(saved / "model", samples)


@needs_tensorflow
def test_an_axis_that_is_saved_open_stays_open_and_is_compared_at_other_lengths(saved, tmp_path):
    lengths = {"ids": np.arange(12).reshape(2, 6)}
    done = export(source(saved / "count", lengths), [], tmp_path, silent)
    assert done.signature.inputs[0].shape == (-1, -1)
    compared = {difference.shapes["ids"][1] for difference in done.parity["onnx"]}
    assert compared == {3, 6, 12}


@needs_tensorflow
def test_a_batch_that_is_saved_as_1_is_served_one_sample_at_a_time(saved, tmp_path):
    done = export(source(saved / "alone"), ["onnx", "savedmodel"], tmp_path, silent)
    assert [(tensor.shape, tensor.batched) for tensor in done.signature.inputs] == [((1, 4), False)]
    assert not done.signature.batchable
    with np.load(done.path / "sample.npz") as sample:
        assert (sample["x"].shape, sample["y"].shape) == ((1, 4), (1, 5))


@needs_tensorflow
def test_another_signature_is_exported_to_onnx(saved, tmp_path):
    done = export(source(saved / "unsigned", signature_name="score"), [], tmp_path, silent)
    assert [tensor.name for tensor in done.signature.outputs] == ["features", "logits"]
    with pytest.raises(ExportError, match="network can be exported to onnx"):
        export(source(saved / "unsigned", signature_name="score"), ["savedmodel"], tmp_path, silent)


@needs_tensorflow
def test_an_output_that_is_not_there_is_refused(saved):
    with pytest.raises(ExportError, match="--output-name scores: the outputs are features, logits"):
        source(saved / "model", outputs=["scores"])


@needs_tensorflow
@pytest.mark.parametrize(
    ("folder", "formats", "message"),
    [
        ("constant", [], "a model needs one input or more"),
        ("svd", ["onnx"], "onnx: .* Svd .* Export in another format, with --format"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_leaves_nothing(saved, tmp_path, folder, formats, message):
    with pytest.raises(ExportError, match=message):
        export(source(saved / folder), formats, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["tensorflow", "tf2onnx"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError, match=rf"{package} .*`make tensorflow`"):
        savedmodel_format._module(package)
