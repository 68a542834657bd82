"""Modules with weights in bfloat16, which ONNX Runtime cannot compute on a CPU."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
from torch import nn  # noqa: E402 - after the check that PyTorch is there

from model.errors import ExportError  # noqa: E402
from model.sources.pytorch import with_examples  # noqa: E402
from tests.model.tabular import exported, given  # noqa: E402

ROWS = {"x": np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 3)).bfloat16()


def source_of(module: nn.Module, lines: list[str]):
    return with_examples(module, given(None, ROWS, lines.append, open_axis=None, no_batch_axis=False))


@pytest.mark.slow
def test_a_module_is_exported_with_the_same_weights_in_float32(tmp_path):
    lines: list[str] = []

    answer = exported(source_of(network(), lines), tmp_path)["output"]

    with torch.no_grad():
        np.testing.assert_allclose(answer, network().float()(torch.tensor(ROWS["x"])), atol=1e-5)
        halved = network()(torch.tensor(ROWS["x"]).bfloat16()).float().numpy()
    assert np.abs(answer - halved).max() < 0.02 * np.abs(halved).max()
    assert any("exported as float32" in line and "%" in line for line in lines)


def test_a_module_that_answers_otherwise_in_float32_is_refused():
    class Conditional(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 3).bfloat16()

        def forward(self, x):
            return self.linear(x) * (2 if x.dtype == torch.bfloat16 else 1)

    with pytest.raises(ExportError, match=r"moves by (49|50)\.\d% of its largest value.* module\.float\(\)"):
        source_of(Conditional(), [])


def test_a_module_that_converts_by_itself_stays_as_it_is():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 3).bfloat16()

        def forward(self, x):
            return self.linear(x.bfloat16()).float()

    module, lines = Own(), []
    source_of(module, lines)

    assert module.linear.weight.dtype == torch.bfloat16
    assert not any("float32" in line for line in lines)
