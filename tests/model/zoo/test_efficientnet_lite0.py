import numpy as np
import pytest
from PIL import Image
from skimage import data

from model.export import export
from model.formats import onnx, savedmodel
from model.preprocessing import preprocess
from model.zoo import load
from tests.tensorflow_threads import tensorflow

pytestmark = pytest.mark.slow

CATS = {"tabby", "tiger cat", "Egyptian cat"}


def best(logits, labels):
    return labels[int(logits.argmax())]


def test_the_signature_takes_photographs_to_the_classes_of_imagenet(efficientnet):
    signature = efficientnet.signature
    assert [(tensor.name, tensor.shape) for tensor in (*signature.inputs, *signature.outputs)] == [
        ("image", (-1, 3, 224, 224)),
        ("logits", (-1, 1000)),
    ]
    assert len(set(signature.labels)) == 1000
    assert signature.labels[0] == "tench"
    assert signature.labels[-1] == "toilet tissue"


def test_the_sample_is_a_cat(efficientnet):
    with np.load(efficientnet.path / "sample.npz") as sample:
        assert best(sample["logits"], efficientnet.signature.labels) in CATS


def test_the_sample_comes_of_the_photograph_beside_it(efficientnet):
    with (
        Image.open(efficientnet.path / "sample.png") as photograph,
        np.load(efficientnet.path / "sample.npz") as sample,
    ):
        tensor = preprocess(photograph, efficientnet.signature.image)
        np.testing.assert_allclose(tensor, sample["image"], atol=1e-5)


def test_pixels_are_as_the_weights_were_trained_with_127_less_and_over_128(efficientnet):
    white = preprocess(Image.new("RGB", (300, 400), "white"), efficientnet.signature.image)
    np.testing.assert_allclose(white, (255 - 127) / 128, atol=1e-6)


@pytest.mark.parametrize(("photograph", "label"), [(data.coffee, "espresso"), (data.rocket, "missile")])
def test_the_exported_model_knows_other_photographs(efficientnet, photograph, label):
    tensor = preprocess(Image.fromarray(photograph()), efficientnet.signature.image)
    logits = onnx.load(efficientnet.path / "onnx")({"image": tensor})["logits"]
    assert best(logits, efficientnet.signature.labels) == label


def test_tensorflow_computes_the_same_network_and_is_not_needed_where_it_is_not_asked_for(
    efficientnet, tmp_path
):
    assert efficientnet.signature.formats == ("onnx",)
    tensorflow()

    exported = export(load("efficientnet-lite0", lambda _: None), ["savedmodel"], tmp_path, lambda _: None)

    assert exported.signature.formats == ("savedmodel",)
    assert exported.signature.inputs == efficientnet.signature.inputs
    # The gate has held it against the PyTorch module.
    assert {difference.batch_size for difference in exported.parity["savedmodel"]} >= {1, 2}
    tensor = preprocess(Image.fromarray(data.coffee()), efficientnet.signature.image)
    logits = savedmodel.load(exported.path / "savedmodel")({"image": tensor})["logits"]
    assert best(logits, efficientnet.signature.labels) == "espresso"
