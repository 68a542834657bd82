"""Small ONNX files for the tests of `--onnx`."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3) / 10


def tensor(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def write(file, nodes, inputs, outputs, constants=None, **options):
    """Write a graph, and return its file."""
    initializers = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save_model(model, file, **options)
    return file


def linear(file, batch: str | int = "N", **options):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return write(file, nodes, [tensor("x", [batch, 4])], [tensor("y", [batch, 3])], {"w": WEIGHTS}, **options)


def pooled(file):
    """The mean over an axis of any length, and the values themselves."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Add", ["x", "x"], ["twice"]),
    ]
    outputs = [tensor("mean", ["N", 2]), tensor("twice", ["N", "T", 2])]
    return write(file, nodes, [tensor("x", ["N", "T", 2])], outputs)


def counter(file):
    """A state, a scalar, and places whose number depends on the data."""
    nodes = [
        helper.make_node("Add", ["state", "step"], ["next"]),
        helper.make_node("NonZero", ["state"], ["places"]),
    ]
    outputs = [tensor("next", [2, 2]), tensor("places", [2, None], INT64)]
    return write(file, nodes, [tensor("state", [2, 2]), tensor("step", [])], outputs)
