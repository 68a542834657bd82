from dataclasses import replace

import pytest

from model.signature import Signature, Tensor
from model.version import fingerprint, versioned

WEIGHTS = [("a", "float32", (2,), b"12345678"), ("b", "float32", (1,), b"1234")]
SIGNATURE = Signature(
    name="tiny",
    version="",
    formats=("onnx", "torchscript"),
    inputs=(Tensor(name="x", datatype="FP32", shape=(-1, 2)),),
    outputs=(Tensor(name="y", datatype="FP32", shape=(-1, 2)),),
    labels=("a", "b"),
    activation=None,
    image=None,
)


def test_the_order_of_the_weights_does_not_count():
    assert fingerprint("graph", WEIGHTS) == fingerprint("graph", reversed(WEIGHTS))


@pytest.mark.parametrize(
    ("graph", "weights"),
    [
        ("another", WEIGHTS),
        ("graph", WEIGHTS[:1]),
        ("graph", [("a", "float32", (2,), b"12345679"), WEIGHTS[1]]),
        ("graph", [("c", "float32", (2,), b"12345678"), WEIGHTS[1]]),
        ("graph", [("a", "int32", (2,), b"12345678"), WEIGHTS[1]]),
        ("graph", [("a", "float32", (1, 2), b"12345678"), WEIGHTS[1]]),
    ],
)
def test_the_graph_and_each_weights_name_type_shape_and_bytes_count(graph, weights):
    assert fingerprint(graph, weights) != fingerprint("graph", WEIGHTS)


def test_a_version_is_twelve_hexadecimal_digits_and_the_same_every_time():
    version = versioned(SIGNATURE, b"source").version
    assert version == "420ca60fb8c9"
    assert versioned(replace(SIGNATURE, version="older"), b"source").version == version


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"formats": ("onnx",)},
        {"labels": ("a", "c")},
        {"activation": "softmax"},
        {"inputs": (Tensor(name="x", datatype="FP32", shape=(-1, 3)),)},
    ],
)
def test_a_change_of_the_signature_is_another_version(change):
    assert versioned(replace(SIGNATURE, **change), b"s").version != versioned(SIGNATURE, b"s").version


def test_another_source_is_another_version():
    assert versioned(SIGNATURE, b"one").version != versioned(SIGNATURE, b"two").version
