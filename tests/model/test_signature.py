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
        "batchable": True,
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
    assert Tensor.from_array("x", np.zeros((1, 4), dtype)) == Tensor(
        name="x", datatype=datatype, shape=(-1, 4)
    )


def test_a_data_type_that_the_protocol_lacks_is_refused():
    with pytest.raises(ExportError, match="'x' is complex64"):
        Tensor.from_array("x", np.zeros(1, np.complex64))


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
def test_an_image_that_the_model_does_not_take_is_refused_and_what_it_takes_is_told(change):
    with pytest.raises(ExportError, match=r"the only input; the model takes 'image' FP32 \[-1, 3, 224"):
        replace(SIGNATURE, image=replace(IMAGE, **change))


def test_an_image_into_another_type_or_beside_a_second_input_is_refused():
    image = SIGNATURE.inputs[0]
    for inputs in [(replace(image, datatype="UINT8"),), (image, replace(image, name="mask"))]:
        with pytest.raises(ExportError, match="must be the only input; the model takes"):
            replace(SIGNATURE, inputs=inputs)


def test_labels_for_more_than_one_score_a_class_are_refused():
    with pytest.raises(ExportError, match=r"'logits' \[-1, 7, 2\], which must be \[-1, 2\]: one score"):
        replace(SIGNATURE, outputs=(replace(SIGNATURE.outputs[0], shape=(-1, 7, 2)),))


def test_an_activation_without_labels_is_refused():
    with pytest.raises(ExportError, match="give --labels as well"):
        replace(SIGNATURE, labels=None)


def test_an_output_without_values_is_refused():
    with pytest.raises(ExportError, match=r"'y' has the shape \[-1, 0\]: .* one value or more"):
        Tensor.from_array("y", np.zeros((2, 0), np.float32))


@pytest.mark.parametrize("change", [{"std": (1, 0, 1)}, {"scale": 0}, {"mean": (0, float("nan"), 0)}])
def test_an_image_that_would_lose_its_picture_is_refused(change):
    with pytest.raises(ExportError, match="give finite numbers, and none that is 0"):
        replace(IMAGE, **change)
