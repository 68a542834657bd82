"""What JSON takes, known before it is read."""

import pytest

from app.errors import TooLarge
from app.protocols.json_size import ALLOWANCE, memory_cost
from app.signature import Signature

MIB = 2**20


def signature(shape: list[int], datatype: str = "FP32") -> Signature:
    return Signature.model_validate(
        {
            "name": "m",
            "version": "1",
            "formats": [],
            "inputs": [{"name": "x", "datatype": datatype, "shape": [-1, *shape]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
            "labels": None,
            "activation": None,
            "image": None,
        }
    )


def filled(part: bytes, size: int = 8 * MIB) -> bytes:
    return b"[" + b",".join([part] * (size // (len(part) + 1))) + b"]"


@pytest.mark.parametrize("part", [b"{}", b"[]", b"[0]", b"0", b"0.5", b'"ab"', b"null"])
def test_more_values_than_a_full_batch_has_are_refused(part: bytes):
    with pytest.raises(TooLarge) as caught:
        memory_cost(filled(part), signature([2, 3]), 4)

    assert "more values than 4 samples of 'x' [2, 3]" in caught.value.detail


@pytest.mark.parametrize("shape", [[], [1], [64], [2, 3], [3, 224, 224], [7, 1, 1]])
def test_a_full_batch_of_nested_samples_is_never_refused(shape: list[int]):
    def nested(axes: list[int]) -> bytes:
        return b"[" + b",".join([nested(axes[1:])] * axes[0]) + b"]" if axes else b"0"

    instances = b'{"instances":' + nested([32, *shape]) + b"}"
    assert memory_cost(instances, signature(shape), 32) > 0


@pytest.mark.parametrize(("shape", "datatype"), [([-1], "FP32"), ([1], "BYTES")])
def test_without_a_limit_on_values_the_memory_is_estimated(shape: list[int], datatype: str):
    assert memory_cost(filled(b"{}"), signature(shape, datatype), 4) > 500 * MIB
    assert memory_cost(b'["' + b"a, [b], {c}. " * 1000 + b'"]', signature(shape, datatype), 4) < MIB


def test_values_outside_of_tensors_are_allowed():
    assert memory_cost(filled(b"0", ALLOWANCE), signature([1]), 1) > 0
