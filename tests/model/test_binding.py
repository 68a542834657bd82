import numpy as np
import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
from torch import nn  # noqa: E402 - after the check that PyTorch is there

from model.binding import bind  # noqa: E402
from model.errors import ExportError  # noqa: E402
from model.export import export  # noqa: E402
from model.source import Description  # noqa: E402
from model.sources.pytorch import torch_source  # noqa: E402

IDS = np.arange(24, dtype=np.float32).reshape(4, 6)
MASK = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
TYPES = np.tile(np.array([1, 2, 3, 4, 5, 6], np.float32), (4, 1))


class Tokens(nn.Module):
    """Takes its inputs in another order than a tokenizer writes them."""

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        answer = input_ids * 100 if attention_mask is None else input_ids * 100 + attention_mask * 10
        return answer if token_type_ids is None else answer + token_type_ids


class Keyword(nn.Module):
    def forward(self, left, *, right):
        return left - 2 * right


class PositionalOnly(nn.Module):
    def forward(self, left, right, /):
        return left - 2 * right


class AnyNames(nn.Module):
    def forward(self, **tensors):
        return tensors["left"] - 2 * tensors["right"]


class AnyOrder(nn.Module):
    def forward(self, *tensors):
        return tensors[0] - 2 * tensors[1]


class Extra(nn.Module):
    def forward(self, left, right, **ignored):
        del ignored
        return left - 2 * right


CASES = {
    "a tokenizer's order": (
        Tokens,
        {"input_ids": IDS, "token_type_ids": TYPES, "attention_mask": MASK},
        IDS * 100 + MASK * 10 + TYPES,
    ),
    "one left out in between": (Tokens, {"token_type_ids": TYPES, "input_ids": IDS}, IDS * 100 + TYPES),
    "swapped": (Extra, {"right": MASK, "left": IDS}, IDS - 2 * MASK),
    "keyword-only": (Keyword, {"right": MASK, "left": IDS}, IDS - 2 * MASK),
    "positional-only": (PositionalOnly, {"right": MASK, "left": IDS}, IDS - 2 * MASK),
    "keywords of any name": (AnyNames, {"right": MASK, "left": IDS}, IDS - 2 * MASK),
    "positions without names": (AnyOrder, {"b": IDS, "a": MASK}, IDS - 2 * MASK),
    "one by another name": (Tokens, {"pixels": IDS}, IDS * 100),
}


@pytest.mark.parametrize("name", CASES)
def test_each_array_reaches_the_parameter_of_its_name_in_every_format(tmp_path, name):
    kind, samples, expected = CASES[name]
    source = torch_source(kind(), samples, Description(name="bound"))

    done = export(source, ["onnx", "torchscript"], tmp_path, lambda _line: None)

    assert [tensor.name for tensor in done.signature.inputs] == list(source.samples)
    for written in source.formats:
        run = written.load(done.path / written.name)
        np.testing.assert_allclose(run(samples)["output"], expected, rtol=1e-6)


def test_the_order_of_the_file_does_not_change_the_version():
    first = torch_source(Tokens(), {"input_ids": IDS, "attention_mask": MASK}, Description(name="bound"))
    second = torch_source(Tokens(), {"attention_mask": MASK, "input_ids": IDS}, Description(name="bound"))

    assert list(first.samples) == list(second.samples) == ["input_ids", "attention_mask"]
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("module", "names", "message"),
    [
        (Tokens(), ["input_ids", "attention_masks"], "attention_masks is none of them"),
        (Extra(), ["left", "wrong"], "wrong is none of them. .* numpy.savez"),
        (Extra(), ["first", "second"], "forward\\(\\) takes left, right: first, second is none of them"),
        (Extra(), ["arr_0", "arr_1"], "arr_0, arr_1 is none of them"),
        (Keyword(), ["left"], "nothing for right"),
        (Extra(), ["x"], "nothing for right"),
        (nn.Linear(6, 2), ["input", "mask"], "mask is none of them"),
    ],
)
def test_names_that_match_in_part_or_not_at_all_are_refused(module, names, message):
    with pytest.raises(ExportError, match=message):
        bind(module, dict.fromkeys(names, IDS))
