from dataclasses import replace

import numpy as np
import onnx
import pytest

from model.errors import ParityError
from model.export import export
from model.formats import onnx as onnx_format

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(artifact):
    return onnx.load(artifact.path / "onnx" / "model.onnx")


def test_the_file_is_self_contained(artifact, model):
    assert [file.name for file in (artifact.path / "onnx").iterdir()] == ["model.onnx"]
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_the_opset_is_pinned(model):
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 20)]


def test_tensors_have_the_signatures_names_and_an_open_batch(model):
    described = {
        tensor.name: [axis.dim_param or axis.dim_value for axis in tensor.type.tensor_type.shape.dim]
        for tensor in (*model.graph.input, *model.graph.output)
    }
    assert described == {"field": ["batch", 2, 5, 5], "logits": ["batch", 3]}


def test_what_only_training_needs_is_gone(model):
    assert {node.op_type for node in model.graph.node} <= {"Conv", "Relu", "Reshape", "Flatten", "Gemm"}


def test_no_path_of_this_machine_is_in_the_file(artifact, model):
    content = (artifact.path / "onnx" / "model.onnx").read_bytes()
    assert b"site-packages" not in content
    assert b".py" not in content
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_the_same_model_gives_the_same_bytes(artifact, tiny, tmp_path):
    tiny.formats[0].write(tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == (artifact.path / "onnx" / "model.onnx").read_bytes()


@pytest.mark.parametrize("number", range(4))
def test_one_weight_changed_in_the_file_fails_the_gate_and_no_artifact_is_left(
    tiny, artifact, tmp_path, number
):
    content = (artifact.path / "onnx" / "model.onnx").read_bytes()
    floats = [
        index
        for index, tensor in enumerate(onnx.load_from_string(content).graph.initializer)
        if tensor.data_type == onnx.TensorProto.FLOAT
    ]
    assert len(floats) == 4

    def write_changed(folder):
        model = onnx.load_from_string(content)
        tensor = model.graph.initializer[floats[number]]
        values = onnx.numpy_helper.to_array(tensor).copy()
        values.flat[values.size // 2] += 0.05
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        onnx.save_model(model, folder / "model.onnx")

    changed = replace(tiny, formats=(replace(tiny.formats[0], write=write_changed),))
    with pytest.raises(ParityError, match=r"onnx does not answer .* logits\[\d+, \d\] is "):
        export(changed, [], tmp_path, lambda _line: None)
    assert list(tmp_path.iterdir()) == []


def test_the_runtime_answers_the_sample(artifact, tiny):
    run = tiny.formats[0].load(artifact.path / "onnx")
    with np.load(artifact.path / "sample.npz") as sample:
        np.testing.assert_allclose(run({"field": sample["field"]})["logits"], sample["logits"], atol=1e-5)


def program_with(tensors):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

    class Holder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, (tensor, persistent) in tensors.items():
                self.register_buffer(name, tensor, persistent=persistent)

        def forward(self, x):
            return x + sum(getattr(self, name).sum() for name in tensors)

    return torch.export.export(Holder(), (torch.ones(2, 3),))


@pytest.mark.parametrize(("shared", "size"), [(True, 400), (False, 800)])
def test_the_size_of_a_file_counts_shared_weights_once_and_unsaved_buffers_too(shared, size):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
    first = torch.ones(100)
    second = first if shared else torch.ones(100)
    assert onnx_format._weight_bytes(program_with({"a": (first, True), "b": (second, True)})) == size
    assert onnx_format._weight_bytes(program_with({"a": (first, False), "b": (second, True)})) == size
