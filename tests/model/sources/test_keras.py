"""Keras files, by way of the SavedModel that Keras writes."""

import importlib.util

import numpy as np
import pytest

from tests.tensorflow_threads import tensorflow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("tf2onnx") is None,
        reason="TensorFlow is not installed: `make tensorflow` adds it",
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def keras():
    tensorflow()
    import keras

    keras.utils.set_random_seed(0)
    return keras


def recurrent(keras):
    return keras.Sequential([keras.Input((None, 5)), keras.layers.GRU(6), keras.layers.Dense(2)])


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_is_held_against_keras_itself_and_keeps_its_open_axes(keras, exported, suffix):
    model = recurrent(keras)
    model.save(f"net.{suffix}")
    samples = np.random.default_rng(0).normal(size=(3, 6, 5)).astype(np.float32)
    np.save("x.npy", samples)
    status, said = exported("--keras", f"net.{suffix}", "--example", "x.npy")
    assert (status, "the model answers as its framework did" in said) == (0, True)
    assert list(exported.shapes("inputs").values()) == [[-1, -1, 5]]
    with np.load(exported.path / "sample.npz") as sample:
        np.testing.assert_allclose(sample["output_0"], model.predict_on_batch(samples[:1]), atol=1e-6)


def test_the_same_file_is_the_same_version(keras, exported):
    recurrent(keras).save("net.keras")
    np.save("x.npy", np.random.default_rng(0).normal(size=(3, 6, 5)).astype(np.float32))
    versions: set[str] = set()
    for output in ("a", "b"):
        assert exported("--keras", "net.keras", "--example", "x.npy", "--output", output)[0] == 0
        (version,) = (folder.name for folder in exported.folder.glob(f"{output}/mine/[!.l]*"))
        versions.add(version)
    assert len(versions) == 1


def test_several_inputs_go_by_their_names(keras, exported):
    first, second = keras.Input((4,), name="zeros"), keras.Input((4,), name="ones")
    difference = keras.layers.Subtract()([first, second])
    keras.Model([first, second], difference).save("net.keras")
    np.savez("x.npz", ones=np.ones((2, 4), np.float32), zeros=np.arange(8, dtype=np.float32).reshape(2, 4))
    status, said = exported("--keras", "net.keras", "--example", "x.npz")
    assert status == 0, said
    with np.load(exported.path / "sample.npz") as sample:
        assert sample["output_0"].tolist() == [[-1, 0, 1, 2]]


def test_code_in_a_layer_is_not_run(keras, exported):
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)]).save("net.keras")
    status, said = exported("--keras", "net.keras")
    assert (status, "cannot read it without running code from it" in said) == (1, True)
    assert "then give --saved-model DIR" in said


@pytest.mark.parametrize("content", [None, b"text"])
@pytest.mark.usefixtures("keras")
def test_a_file_that_is_no_keras_model_is_told(exported, content):
    if content is not None:
        (exported.folder / "net.keras").write_bytes(content)
    status, said = exported("--keras", "net.keras")
    assert (status, said.startswith("error: --keras net.keras: ")) == (1, True)
