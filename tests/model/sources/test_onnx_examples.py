"""The examples of an ONNX file: which fit, which are refused, and which are kept."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.model.sources.onnx_files import FLOAT, STRING, WEIGHTS, linear, pooled, tensor, write


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"z": np.ones((2, 4), np.float32), "x": np.ones((2, 4), np.float32)},
            "--example has z, and the model takes x",
        ),
        (
            {"x": np.ones((2, 5), np.float32)},
            r"input 'x' must be float32[any, 4]; --example has float32[2, 5]",
        ),
        ({"x": np.ones((2, 4))}, ".astype('float32') converts values"),
    ],
)
def test_an_example_that_does_not_fit_is_told_with_what_does(exported, tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    status, said = exported("--onnx", linear(tmp_path / "net.onnx"), "--example", tmp_path / "x.npz")
    assert (status, message in said) == (1, True), said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"not a protocol buffer", "not an ONNX file, or a damaged one"),
        (b"", "ONNX Runtime"),
    ],
)
def test_a_file_that_is_no_onnx_is_told(exported, tmp_path, content, message):
    if content is not None:
        (tmp_path / "net.onnx").write_bytes(content)
    status, said = exported("--onnx", tmp_path / "net.onnx")
    assert (status, message in said) == (1, True), said


def test_an_operator_that_onnx_runtime_lacks_is_named(exported, tmp_path):
    nodes = [helper.make_node("Frobnicate", ["x"], ["y"], domain="their.own")]
    graph = helper.make_graph(nodes, "graph", [tensor("x", ["N", 4])], [tensor("y", ["N", 4])])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("their.own", 1)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "net.onnx")
    status, said = exported("--onnx", tmp_path / "net.onnx")
    assert (status, "Frobnicate" in said, "without operators of a library of its own" in said) == (
        1,
        True,
        True,
    )


def test_noise_is_not_used_where_it_may_be_wrong(exported, tmp_path):
    status, said = exported("--onnx", pooled(tmp_path / "net.onnx"))
    assert (status, "input 'x' is float32[any, any, 2]" in said, "--example FILE" in said) == (1, True, True)


def test_an_output_is_chosen_by_its_name(exported, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3, 6, 2)).astype(np.float32))
    given = ("--onnx", pooled(tmp_path / "net.onnx"), "--example", tmp_path / "x.npy")
    assert exported(*given, "--output-name", "mean")[0] == 0
    assert exported.shapes("outputs") == {"mean": [-1, 2]}
    status, said = exported(*given, "--output-name", "meen")
    assert (status, "--output-name meen: the outputs are mean, twice" in said) == (1, True)


def test_kept_examples_are_left_out_on_demand_and_noise_is_never_kept(exported, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32))
    file = linear(tmp_path / "net.onnx")
    assert exported("--onnx", file)[0] == 0
    assert not (exported.path / "examples.npz").exists()
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    for number, flags in enumerate([(), ("--no-examples",)]):
        other = tmp_path / f"{number}.onnx"
        write(other, nodes, [tensor("x", ["N", 4])], [tensor("y", ["N", 3])], {"w": WEIGHTS * (number + 2)})
        assert exported("--onnx", other, "--example", tmp_path / "x.npy", *flags)[0] == 0
        assert (exported.path / "examples.npz").exists() == (not flags)
        if not flags:
            with np.load(exported.path / "examples.npz") as kept:
                assert (kept["x"].shape, kept["y"].shape) == ((256, 4), (256, 3))
                np.testing.assert_allclose(kept["y"], kept["x"] @ WEIGHTS * 2, rtol=1e-5, atol=1e-5)


def test_half_precision_is_taken_and_given(exported, tmp_path):
    half = TensorProto.FLOAT16
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    inputs, outputs = [tensor("x", ["N", 4], half)], [tensor("y", ["N", 3], half)]
    file = write(tmp_path / "net.onnx", nodes, inputs, outputs, {"w": WEIGHTS.astype(np.float16)})
    assert exported("--onnx", file)[0] == 0
    assert exported.signature["inputs"][0]["datatype"] == "FP16"


def test_a_dictionary_of_probabilities_is_refused_with_the_option_that_avoids_it(exported, tmp_path):
    nodes = [
        helper.make_node(
            "ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_strings=["a", "b", "c", "d"]
        )
    ]
    value = helper.make_map_type_proto(STRING, helper.make_tensor_type_proto(FLOAT, []))
    output = helper.make_value_info("y", helper.make_sequence_type_proto(value))
    graph = helper.make_graph(nodes, "graph", [tensor("x", ["N", 4])], [output])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "net.onnx")
    status, said = exported("--onnx", tmp_path / "net.onnx")
    assert (status, "options={'zipmap': False}" in said) == (1, True)
