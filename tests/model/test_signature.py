import json
from dataclasses import replace

import numpy as np
import pytest

from model.errors import ExportError
from model.signature import ImageInput, Signature, Tensor

IMAGE = ImageInput(
    input="image",
    resize=256,
    crop=(224, 192),
    interpolation="bicubic",
    layout="NCHW",
    scale=0.5,
    mean=(1, 2, 3),
    std=(4, 5, 6),
)
SIGNATURE = Signature(
    name="cats",
    version="0123456789ab",
    formats=("onnx",),
    inputs=(Tensor(name="image", datatype="FP32", shape=(-1, 3, 224, 192)),),
    outputs=(Tensor(name="logits", datatype="FP32", shape=(-1, 2)),),
    labels=("tabby", "tiger cat"),
    activation="softmax",
    image=IMAGE,
)


def test_the_text_holds_what_a_server_needs():
    assert json.loads(SIGNATURE.to_json()) == {
        "name": "cats",
        "version": "0123456789ab",
        "formats": ["onnx"],
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 224, 192]}],
        "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 2]}],
        "labels": ["tabby", "tiger cat"],
        "activation": "softmax",
        "image": {
            "input": "image",
            "resize": 256,
            "crop": [224, 192],
            "interpolation": "bicubic",
            "layout": "NCHW",
            "scale": 0.5,
            "mean": [1, 2, 3],
            "std": [4, 5, 6],
        },
    }


def test_the_text_is_sorted_and_ends_its_last_line():
    text = SIGNATURE.to_json()
    assert text.endswith("}\n")
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    ("dtype", "datatype"),
    [("float32", "FP32"), ("float16", "FP16"), ("int64", "INT64"), ("uint8", "UINT8"), ("bool", "BOOL")],
)
def test_data_types_have_the_protocols_names(dtype, datatype):
    assert Tensor.like("x", np.zeros((1, 4), dtype)) == Tensor(name="x", datatype=datatype, shape=(-1, 4))


def test_a_data_type_that_the_protocol_lacks_is_refused():
    with pytest.raises(ExportError, match="'x' is complex64"):
        Tensor.like("x", np.zeros(1, np.complex64))


@pytest.mark.parametrize("name", ["Cats", "my_cats", "-cats", "cats-", "", "c" * 64, "../cats"])
def test_a_name_that_kubernetes_refuses_is_refused(name):
    with pytest.raises(ExportError, match="small letters"):
        replace(SIGNATURE, name=name)


def test_another_number_of_labels_than_classes_is_refused():
    with pytest.raises(ExportError, match="3 labels for 2 classes of 'logits'"):
        replace(SIGNATURE, labels=("a", "b", "c"))


def test_tensors_that_share_a_name_are_refused():
    with pytest.raises(ExportError, match="share a name"):
        replace(SIGNATURE, outputs=(replace(SIGNATURE.outputs[0], name="image"),))


@pytest.mark.parametrize("change", [{"layout": "NHWC"}, {"input": "picture"}, {"crop": (224, 224)}])
def test_an_image_that_the_model_does_not_take_is_refused(change):
    with pytest.raises(ExportError, match="a photograph becomes"):
        replace(SIGNATURE, image=replace(IMAGE, **change))


def test_a_crop_beyond_the_picture_is_refused():
    with pytest.raises(ExportError, match="cannot be cropped"):
        replace(IMAGE, resize=200)
