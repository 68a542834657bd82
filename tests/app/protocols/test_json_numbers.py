"""Numbers of JSON straight into an array: the same as by way of Python's objects, whole and in pieces."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.protocols import json_numbers
from app.protocols.json_numbers import StructureError
from app.signature import Tensor

SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)


@pytest.fixture(autouse=True, params=[4, json_numbers.PIECE_BYTES], ids=["in pieces", "whole"])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_numbers, "PIECE_BYTES", request.param)


def numbers(body: bytes, only: Tensor) -> np.ndarray | None:
    """Return what is read; None where it is left to others, or refused since it is longer than a piece."""
    try:
        return json_numbers.read_numbers(body, only)
    except StructureError:
        assert len(body) > json_numbers.PIECE_BYTES
        return None


def tensor(shape: tuple[int, ...], datatype: str = "FP32") -> Tensor:
    return Tensor.model_validate({"name": "x", "datatype": datatype, "shape": [-1, *shape]})


@given(
    shape=SHAPES,
    batch=st.integers(1, 4),
    flat=st.booleans(),
    alone=st.booleans(),
    spaces=st.sampled_from(["", " ", "\n\t", " \r\n "]),
    data=st.data(),
)
def test_samples_arrive_unchanged(
    shape: tuple[int, ...], batch: int, flat: bool, alone: bool, spaces: str, data: st.DataObject
):
    sent = data.draw(arrays(np.float32, (batch, *shape), elements=st.floats(-1e6, 1e6, width=32)))
    listed = sent.reshape(batch, -1).tolist() if flat else sent.tolist()
    if alone and batch == 1:
        listed = listed[0]
    body = json.dumps(listed, separators=(f"{spaces},{spaces}", ":")).replace("[", f"[{spaces}")

    found = numbers(body.encode(), tensor(shape))

    if not isinstance(listed, list):
        assert found is None
    else:
        assert found is not None
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, sent)


@given(text=st.text('[],12. ae"-{}:', max_size=24).map(lambda text: f"[{text}]"), shape=SHAPES)
def test_json_of_other_values_is_left_to_the_slower_decoder(text: str, shape: tuple[int, ...]):
    found = numbers(text.encode(), tensor(shape, "FP64"))

    if found is not None:
        parsed = np.array(orjson.loads(text), np.float64)
        np.testing.assert_array_equal(found.ravel(), parsed.ravel())
        assert found.shape[1:] == shape


@pytest.mark.parametrize(
    "body",
    [
        b"[1[,2]]",
        b"[[1],2]",
        b"[[1,2]3]",
        b"[[1],[2]]]",
        b"[[1,2],[3]]",
        b"[[1,2],[3,true]]",
        b'[[1,2],[3,"4"]]',
        b"[[1,2],[3,null]]",
        b"[[1,2],[3,1e39]]",
        b"[[1,2],[,3]]",
        b"[1,,2]",
        b"{}",
        b"",
    ],
)
def test_a_wrong_body_is_left_to_the_decoder_that_can_say_why(body: bytes):
    assert numbers(body, tensor((2,))) is None


def test_a_batch_that_is_parsed_in_pieces_keeps_its_order():
    sent = np.arange(40_000, dtype=np.float32).reshape(20, 2, 1000)

    np.testing.assert_array_equal(numbers(json.dumps(sent.tolist()).encode(), tensor((2, 1000))), sent)
