import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
from torch import nn  # noqa: E402 - after the check that PyTorch is there

from model.errors import ExportError  # noqa: E402
from model.source import Description  # noqa: E402
from model.sources.pytorch import torch_source  # noqa: E402

pytestmark = pytest.mark.slow

SAMPLES = {"x": np.ones((1, 2), np.float32)}


def source(module, samples=SAMPLES, outputs=None):
    return torch_source(module, samples, Description(name="tiny"), outputs)


def network(activation, weight=1.0, constant=1.0):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 3)
            nn.init.constant_(self.linear.weight, weight)
            nn.init.zeros_(self.linear.bias)
            self.register_buffer("unsaved", torch.full((1,), constant), persistent=False)
            self.activation = activation

        def forward(self, x):
            return self.activation(self.linear(x)) * self.unsaved

    return Network()


def test_the_same_weights_and_graph_have_the_same_fingerprint():
    assert source(network(nn.ReLU())).fingerprint == source(network(nn.ReLU())).fingerprint


@pytest.mark.parametrize(
    "changed", [network(nn.GELU()), network(nn.ReLU(), weight=1.0000001), network(nn.ReLU(), constant=2.0)]
)
def test_a_changed_activation_weight_or_unsaved_buffer_has_another(changed):
    assert source(changed).fingerprint != source(network(nn.ReLU())).fingerprint


def test_the_model_answers_as_in_evaluation():
    run = source(nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5))).eager
    np.testing.assert_allclose(run(SAMPLES)["output"], [[1, 1]], rtol=1e-4)


@pytest.mark.parametrize("changed", [0, 1])
def test_a_changed_branch_has_another_fingerprint(changed):
    def branching(branches):
        class Branching(nn.Module):
            def __init__(self):
                super().__init__()
                self.switch = nn.Buffer(torch.ones(1))

            def forward(self, x):
                return x + torch.cond(self.switch.sum() > 0, *branches, (self.switch,))

        return source(Branching()).fingerprint

    branches = [torch.relu, torch.neg]
    before = branching(branches)
    branches[changed] = torch.tanh
    assert branching([torch.relu, torch.neg]) == before
    assert branching(branches) != before


class Several(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        parts = {"sum": x.sum(-1), "twice": x * 2}
        return parts if self.kind is dict else self.kind(parts.values())


def test_outputs_have_the_names_given_or_those_of_a_mapping_or_default_ones():
    assert list(source(Several(tuple), outputs=["a", "b"]).eager(SAMPLES)) == ["a", "b"]
    assert list(source(Several(dict)).eager(SAMPLES)) == ["sum", "twice"]
    assert list(source(Several(list)).eager(SAMPLES)) == ["output", "output_1"]


def test_another_number_of_names_than_outputs_is_refused():
    with pytest.raises(ExportError, match="2 outputs, and 1 names"):
        source(Several(tuple), outputs=["a"])


def test_a_module_that_returns_no_tensors_is_refused():
    class Text(nn.Module):
        def forward(self, _x):
            return "cat"

    with pytest.raises(ExportError, match="returns str as 'output', not a tensor"):
        source(Text())


def test_a_module_that_holds_for_one_batch_size_only_is_refused():
    class Fixed(nn.Module):
        def forward(self, x):
            return x.reshape(2, 2)

    with pytest.raises(ExportError, match="batch of any size"):
        source(Fixed())


def test_samples_of_another_shape_are_refused_and_the_shape_is_shown():
    with pytest.raises(ExportError, match=r"fails on inputs of shape \{'x': 'float32\[5\]'\}"):
        source(nn.Linear(2, 3), {"x": np.ones((1, 5), np.float32)})
