"""ONNX files that exist: small ones made here, each right or wrong in one way."""

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.model.sources.onnx_files import WEIGHTS, counter, linear, pooled, tensor, write


def test_names_shapes_and_types_are_those_of_the_file_and_the_file_is_the_artifacts(exported, tmp_path):
    file = linear(tmp_path / "net.onnx")
    status, said = exported("--onnx", file)
    assert status == 0
    assert exported.signature["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    assert exported.signature["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}]
    assert (exported.path / "onnx" / "model.onnx").read_bytes() == file.read_bytes()
    assert "axis 1 of x is fixed at 4\n" in said
    assert "onnx's reference evaluator gives the same answer" in said


def test_the_same_file_elsewhere_is_the_same_version_and_other_weights_are_another(exported, tmp_path):
    versions = []
    for folder, change in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / folder).mkdir()
        nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
        file = tmp_path / folder / f"{folder}.onnx"
        write(file, nodes, [tensor("x", ["N", 4])], [tensor("y", ["N", 3])], {"w": WEIGHTS + change})
        assert exported("--onnx", file)[0] == 0
        versions.append(exported.signature["version"])
    assert versions[0] == versions[1] != versions[2]


def test_external_data_is_taken_along(exported, tmp_path):
    (tmp_path / "from").mkdir()
    file = linear(
        tmp_path / "from" / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0
    )
    assert exported("--onnx", file)[0] == 0
    assert (exported.path / "onnx" / "net.data").read_bytes() == (tmp_path / "from" / "net.data").read_bytes()
    (tmp_path / "from" / "net.data").unlink()
    status, said = exported("--onnx", file)
    assert (status, "its weights are in net.data, which is missing: put that file beside it" in said) == (
        1,
        True,
    )


def test_external_data_outside_of_the_folder_is_refused(exported, tmp_path):
    file = linear(tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    model = onnx.load_model(file, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../secret"
    file.write_bytes(model.SerializeToString())
    status, said = exported("--onnx", file)
    assert (status, "its data is at ../secret, outside of its folder" in said) == (1, True)


def test_an_axis_that_the_file_leaves_open_stays_open_and_is_compared_at_other_lengths(exported, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3, 6, 2)).astype(np.float32))
    status, said = exported("--onnx", pooled(tmp_path / "net.onnx"), "--example", tmp_path / "x.npy")
    assert status == 0
    assert exported.shapes("inputs") == {"x": [-1, -1, 2]}
    assert exported.shapes("outputs") == {"mean": [-1, 2], "twice": [-1, -1, 2]}
    assert "will be compared at the lengths x [3, 2] as well" in said
    assert "will be compared at the lengths x [12, 2] as well" in said


def test_a_length_that_the_model_does_not_take_is_told(exported, tmp_path):
    nodes = [helper.make_node("Reshape", ["x", "to"], ["y"])]
    file = write(
        tmp_path / "net.onnx",
        nodes,
        [tensor("x", ["N", "T"])],
        [tensor("y", ["N", "U", 4])],
        {"to": np.array([0, -1, 4])},
    )
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32))
    status, said = exported("--onnx", file, "--example", tmp_path / "x.npy")
    assert status == 0
    assert "not compared at the lengths x [2]: the model itself fails" in said
    assert "will be compared at the lengths x [8] as well" in said


def test_a_state_a_scalar_and_an_answer_of_any_length_are_served_one_sample_at_a_time(exported, tmp_path):
    state = np.array([[1, 0], [0, 2]], np.float32)
    np.savez(tmp_path / "x.npz", state=state, step=np.float32(3))
    status, said = exported("--onnx", counter(tmp_path / "net.onnx"), "--example", tmp_path / "x.npz")
    assert status == 0
    assert exported.shapes("inputs") == {"state": [2, 2], "step": []}
    assert exported.shapes("outputs") == {"next": [2, 2], "places": [2, -1]}
    assert not exported.signature["batchable"]
    assert all(tensor["batched"] is False for tensor in exported.signature["inputs"])
    assert "the server computes one request at a time" in said
    with np.load(exported.path / "sample.npz") as sample:
        assert sample["step"].shape == ()
        assert sample["next"].tolist() == [[4, 3], [3, 5]]


def test_several_samples_without_a_batch_may_be_stacked_and_are_kept_with_their_answers(exported, tmp_path):
    np.savez(
        tmp_path / "x.npz",
        state=np.arange(12, dtype=np.float32).reshape(3, 2, 2) + 1,
        step=np.arange(3, dtype=np.float32),
    )
    assert exported("--onnx", counter(tmp_path / "net.onnx"), "--example", tmp_path / "x.npz")[0] == 0
    with np.load(exported.path / "examples.npz") as kept:
        assert kept["step"].tolist() == [0, 1, 2]
        assert kept["next"].tolist() == (kept["state"] + kept["step"][:, None, None]).tolist()


def test_a_fixed_batch_of_1_is_served_one_sample_at_a_time(exported, tmp_path):
    assert exported("--onnx", linear(tmp_path / "net.onnx", batch=1))[0] == 0
    assert exported.shapes("inputs") == {"x": [1, 4]}
    assert exported.signature["inputs"][0]["batched"] is False


def test_an_open_first_axis_that_is_no_batch_is_said_so(exported, tmp_path):
    nodes = [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)]
    file = write(tmp_path / "net.onnx", nodes, [tensor("x", ["H", 4])], [tensor("y", [])])
    np.save(tmp_path / "x.npy", np.ones((5, 4), np.float32) * np.arange(5, dtype=np.float32)[:, None])
    status, said = exported("--onnx", file, "--example", tmp_path / "x.npy")
    assert (status, "is exported with --no-batch-axis" in said) == (1, True)
    assert exported("--onnx", file, "--example", tmp_path / "x.npy", "--no-batch-axis")[0] == 0
    assert exported.shapes("inputs") == {"x": [-1, 4]}
    assert exported.shapes("outputs") == {"y": []}


def test_rows_that_depend_on_each_other_are_refused(exported, tmp_path):
    nodes = [
        helper.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=1),
        helper.make_node("Div", ["x", "sum"], ["y"]),
    ]
    shapes = [tensor("x", ["N", 4])], [tensor("y", ["N", 4])]
    status, said = exported("--onnx", write(tmp_path / "net.onnx", nodes, *shapes, {"axis": np.array([0])}))
    assert (status, "the answer to a sample depends on the others of its batch" in said) == (1, True)


def test_the_frameworks_own_answers_decide(exported, tmp_path):
    samples = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", samples)
    np.save(tmp_path / "right.npy", samples @ WEIGHTS)
    wrong = samples @ WEIGHTS
    wrong[35, 1] += 1
    np.savez(tmp_path / "wrong.npz", y=wrong)
    given = ("--onnx", linear(tmp_path / "net.onnx"), "--example", tmp_path / "x.npy")
    status, said = exported(*given, "--expected", tmp_path / "right.npy")
    assert (status, "the model answers as its framework did" in said) == (0, True)
    status, said = exported(*given, "--expected", tmp_path / "wrong.npz")
    assert (status, "the model does not answer as --expected says: for sample 35 y[3, 1] is" in said) == (
        1,
        True,
    )


def test_as_many_answers_as_examples_are_needed(exported, tmp_path, capsys):
    with pytest.raises(SystemExit):
        exported("--onnx", tmp_path / "net.onnx", "--expected", "y.npy")
    assert "--expected: give it once for each --example" in capsys.readouterr().err


def test_two_examples_of_other_lengths_are_both_compared(exported, tmp_path):
    for length in (3, 5):
        values = np.random.default_rng(length).normal(size=(2, length, 2)).astype(np.float32)
        np.save(tmp_path / f"{length}.npy", values)
    examples = ("--example", tmp_path / "3.npy", "--example", tmp_path / "5.npy")
    status, said = exported("--onnx", pooled(tmp_path / "net.onnx"), *examples)
    assert (status, "will be compared" in said) == (0, False)
    with np.load(exported.path / "examples-2.npz") as kept:
        assert kept["twice"].shape == (2, 5, 2)
