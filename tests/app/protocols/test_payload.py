"""JSON to tensors."""

import json
from functools import partial
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput, RequestError, TooLarge
from app.protocols import payload
from app.signature import Signature
from app.tensors import DTYPES

decode = partial(payload.decode, batch_size=4)


def of(*inputs: tuple[str, str, list[int]]) -> Signature:
    return Signature.model_validate(
        {
            "name": "m",
            "version": "1",
            "formats": ["onnx"],
            "inputs": [
                {"name": name, "datatype": datatype, "shape": shape} for name, datatype, shape in inputs
            ],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}],
            "labels": None,
            "activation": None,
            "image": None,
        }
    )


def x(shape: list[int], datatype: str = "FP32") -> Signature:
    return of(("x", datatype, [-1, *shape]))


def refused(body: object, signature: Signature) -> InvalidInput:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    with pytest.raises(InvalidInput) as caught:
        decode(raw, signature)
    return caught.value


@pytest.mark.parametrize(
    ("shape", "body", "batch"),
    [
        ([2, 3], [1, 2, 3, 4, 5, 6], 1),
        ([2, 3], [[1, 2, 3], [4, 5, 6]], 1),
        ([2, 3], [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]], 2),
        ([2, 3], [[[1, 2, 3], [4, 5, 6]]], 1),
        ([4], [1, 2, 3, 4], 1),
        ([4], [[1, 2, 3, 4]], 1),
        ([4], [[1, 2, 3, 4]] * 3, 3),
        ([1], [5], 1),
        ([1], [[5], [6]], 2),
        ([], [5], 1),
        ([], [5, 6], 2),
        ([], 5, 1),
        ([1, 3], [[1, 2, 3]], 1),
        ([1, 3], [[1, 2, 3], [4, 5, 6]], 2),
        ([1, 1], [[5], [6]], 2),
        ([-1], [1, 2, 3], 1),
        ([-1], [[1, 2, 3], [4, 5, 6]], 2),
        ([-1, 2], [[1, 2], [3, 4], [5, 6]], 1),
        ([-1, 2], [[[1, 2]], [[3, 4]]], 2),
    ],
)
def test_only_the_shape_of_a_list_decides_what_it_means(shape: list[int], body: Any, batch: int):
    array = decode(orjson.dumps(body), x(shape))["x"]

    assert array.shape[0] == batch
    assert x(shape).inputs[0].fits(array.shape[1:])
    assert array.ravel().tolist() == np.ravel(body).tolist()


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ([1], [5, 6]),
        ([4], [1, 2, 3]),
        ([2, 3], [1, 2]),
        ([2, 3], 5),
        ([-1, 2], [1, 2]),
        ([2, 2], [[1, 2, 3, 4, 5]]),
    ],
)
def test_the_error_for_a_wrong_shape_names_the_tensor_and_what_it_accepts(shape: list[int], body: object):
    error = refused(body, x(shape))

    assert error.tensor == x(shape).inputs[0]
    assert "shape" in error.detail


@pytest.mark.parametrize(
    ("body", "datatype", "says"),
    [
        ([1, 2, "3"], "FP32", 'holds "3" at [2]'),
        ([[1, 2, None]], "FP32", "holds null at [0][2]"),
        ([True, 2, 3], "FP32", "holds true at [0]"),
        ([1, 2, 3.5], "INT64", "holds 3.5 at [2]"),
        ([1, 2, True], "INT64", "holds true at [2]"),
        ([1, True, True], "BOOL", "holds 1 at [0]"),
        ([1, 2, 300], "UINT8", "beyond UINT8"),
        ([1, 2, -1], "UINT64", "beyond UINT64"),
        ([1, 2, 2**63], "INT64", "beyond INT64"),
        ([1, 2, 1e39], "FP32", "beyond FP32 at [2]"),
        ([1, 1e5, 2], "FP16", "beyond FP16 at [1]"),
        ([[1, 2, 3], [1, 2]], "FP32", "ragged"),
        ([[1, 2, 3], 4], "FP32", "holds a list at [0]"),
        ([1, {"a": 1}, 2], "FP32", "holds an object at [1]"),
        ([], "FP32", "empty"),
        ([[], []], "FP32", "empty"),
        ("abc", "FP32", 'holds "abc"'),
        ({"x": {"x": [1, 2, 3]}}, "FP32", "holds an object;"),
    ],
)
def test_the_error_for_a_wrong_value_names_its_position(body: object, datatype: str, says: str):
    error = refused(body, x([3], datatype))

    assert says in error.detail
    assert datatype in error.detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1,",
        b"[NaN,1,2]",
        b"[Infinity,1,2]",
        b"[1e999,1,2]",
        b"\xff",
    ],
)
def test_a_body_that_is_not_json_is_refused(body: bytes):
    assert "the body is not JSON" in refused(body, x([3])).detail


def test_lists_in_lists_without_a_value_are_refused():
    assert "is an empty list" in refused(b"[" * 500 + b"]" * 500, x([3])).detail


def test_a_long_body_of_brackets_alone_is_refused_by_its_structure():
    assert "has brackets and commas that do not fit samples" in refused(b"[" * 100_000, x([3])).detail


def test_a_long_string_does_not_make_all_values_long():
    # numpy.array() of this list would take 400 MB.
    assert "at [10]" in refused([0] * 10 + ["a" * 20_000] + [0] * 5_000, x([3])).detail


def test_a_deep_list_among_values_is_refused():
    assert "holds a list at [1]" in refused(b"[1," + b"[" * 1000 + b"]" * 1000 + b"]", x([2])).detail


@pytest.mark.parametrize("datatype", DTYPES)
def test_the_tensor_has_the_datatype_of_the_signature(datatype: str):
    body = {"BOOL": b"[true,false]", "BYTES": b'["a","b"]'}.get(datatype, b"[0,1]")

    assert decode(body, x([2], datatype))["x"].dtype == DTYPES[datatype]


@pytest.mark.parametrize(
    ("datatype", "value"), [("INT64", -(2**63)), ("INT64", 2**63 - 1), ("UINT64", 2**64 - 1)]
)
def test_integers_keep_every_digit(datatype: str, value: int):
    assert decode(f"[{value}]".encode(), x([1], datatype))["x"].item() == value


TWO = of(("a", "FP32", [-1, 2]), ("b", "INT64", [-1, 1]))


def test_several_inputs_are_an_object_by_name():
    arrays = decode(b'{"b": [[7], [8]], "a": [[1, 2], [3, 4]]}', TWO)

    assert list(arrays) == ["a", "b"]
    assert arrays["b"].tolist() == [[7], [8]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([1, 2], "object with the keys a, b"),
        ({"a": [1, 2]}, "'b' is missing"),
        ({"a": [1, 2], "b": [1], "c": [1]}, "no input 'c'"),
        ({"a": [[1, 2], [3, 4]], "b": [1]}, "{'a': 2, 'b': 1}"),
        ({"a": [1, 2], "b": [1.5]}, "'b' holds 1.5"),
    ],
)
def test_the_error_for_several_inputs_names_the_wrong_one(body: object, says: str):
    assert says in refused(body, TWO).detail


SHAPES = st.lists(st.sampled_from([-1, 1, 2, 3]), max_size=3)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abx"), inner, max_size=3),
)


@given(
    shape=SHAPES,
    datatype=st.sampled_from(list(DTYPES)),
    body=JSON.map(json.dumps).map(str.encode) | st.binary(),
)
def test_any_body_gives_a_tensor_of_the_signature_or_an_error(shape: list[int], datatype: str, body: bytes):
    signature = x(shape, datatype)
    try:
        array = decode(body, signature)["x"]
    except RequestError as error:
        assert isinstance(error, InvalidInput | TooLarge)  # noqa: PT017 - one of two good ends
        orjson.dumps(error.detail)
        return
    assert 1 <= len(array) <= 4
    assert signature.inputs[0].fits(array.shape[1:])
    assert array.dtype == DTYPES[datatype]
    assert array.dtype.kind != "f" or np.isfinite(array).all()


@given(body=JSON.map(json.dumps).map(str.encode))
def test_any_body_for_several_inputs_gives_them_all_or_an_error(body: bytes):
    try:
        assert decode(body, TWO).keys() == {"a", "b"}
    except RequestError as error:
        assert isinstance(error, InvalidInput | TooLarge)  # noqa: PT017 - one of two good ends


@given(
    shape=st.lists(st.integers(1, 3), max_size=3), size=st.integers(1, 4), flat=st.booleans(), data=st.data()
)
def test_nested_and_flat_values_arrive_unchanged(
    shape: list[int], size: int, flat: bool, data: st.DataObject
):
    count = size * int(np.prod(shape))
    values = data.draw(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=count, max_size=count)
    )
    sent = np.array(values, np.float32).reshape(size, *([-1] if flat else shape))

    assert np.array_equal(decode(orjson.dumps(sent.tolist()), x(shape))["x"], sent.reshape(size, *shape))


@pytest.mark.parametrize("datatype", ["FP32", "INT64"])
def test_a_long_list_with_a_wrong_structure_is_refused_without_parsing(
    datatype: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.protocols.payload.orjson.loads", None)

    detail = refused([[0]] * 20_000, x([2, 3], datatype)).detail

    assert "has brackets and commas that do not fit samples" in detail


@pytest.mark.parametrize("signature", [x([1], "BYTES"), TWO])
def test_too_many_instances_are_refused_before_they_are_decoded(
    signature: Signature,
):
    # Read one by one, as many as fit into a body would take a thread for many seconds.
    body = orjson.dumps({"instances": [{}] * 5})

    with pytest.raises(TooLarge, match="5 samples"):
        decode(body, signature)
