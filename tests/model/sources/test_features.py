"""The tensors that the columns of a table become."""

import json
from typing import Any

import numpy as np
import pytest

from model.errors import ExportError
from model.sources.features import MATRIX, matrix_of, read
from tests.model.conftest import silent
from tests.model.tabular import columns


def features(samples, report=silent, **changes):
    settings: dict[str, Any] = {"names": None, "count": None, "by_column": False, **changes}
    return read(samples, report=report, **settings)


def test_words_make_every_column_a_tensor_of_its_own():
    found = features(columns())

    assert {name: (array.dtype.kind, array.shape) for name, array in found.inputs.items()} == {
        "age": ("f", (60, 1)),
        "fare": ("f", (60, 1)),
        "city": ("U", (60, 1)),
        "member": ("f", (60, 1)),
    }
    assert np.isnan(found.inputs["fare"][0, 0])


def test_numbers_alone_are_one_tensor_in_the_order_of_the_model():
    found = features({"b": np.array([1, 2]), "a": np.array([True, False])}, names=["a", "b"])

    assert found.inputs[MATRIX].tolist() == [[1, 1], [0, 2]]
    assert found.inputs[MATRIX].dtype == np.float32
    assert [column.name for column in found.columns or ()] == ["a", "b"]


def test_columns_that_the_model_does_not_take_are_left_out_and_named():
    lines: list[str] = []
    found = features({"a": np.ones(2), "target": np.ones(2)}, lines.append, names=["a"])

    assert found.inputs[MATRIX].shape == (2, 1)
    assert lines == ["columns that the model does not take: target"]


def test_categories_become_their_numbers_and_a_missing_one_nan():
    city = np.array(["b", None, "a"], np.object_)
    found = features({"city": city, "age": np.arange(3)}, categories=[["a", "b"]])

    np.testing.assert_array_equal(found.inputs[MATRIX], [[1, 0], [np.nan, 1], [0, 2]])
    assert [column.categories for column in found.columns or ()] == [("a", "b"), None]


def test_the_first_row_is_the_example_request():
    table = {name: column[:1] for name, column in columns().items()}
    plan = features(table).plan(None)

    assert plan is not None
    assert plan.request == {**{name: column[0] for name, column in table.items()}, "fare": None}
    assert json.dumps(plan.request)


@pytest.mark.parametrize(
    ("samples", "changes", "message"),
    [
        (None, {}, "--example FILE is missing"),
        ({"a": np.ones(2)}, {"names": ["a", "b"]}, "has no column 'b': the model takes a, b"),
        ({"a": np.ones(2)}, {"count": 3}, "has the columns a, and the model takes 3"),
        ({"x": np.ones((2, 4))}, {"count": 3}, "'x' has 4 columns, and the model takes 3"),
        ({"x": np.ones((2, 2))}, {"by_column": True, "names": ["a"]}, "chooses its columns by name"),
        ({"id": np.array([2**24 + 1, 1])}, {}, "'id' holds whole numbers above 16,777,216"),
        ({"a": np.ones(2), "b": np.ones((2, 3))}, {}, r"'b' has the shape \[2, 3\]"),
        (
            {"a": np.array(["x", "z"], np.object_)},
            {"categories": [["x"]]},
            "'a' holds z, and the model knows x",
        ),
    ],
)
def test_an_example_that_does_not_fit_is_refused_with_what_does(samples, changes, message):
    with pytest.raises(ExportError, match=message):
        features(samples, **changes)


def test_columns_are_stacked_to_a_matrix():
    assert matrix_of({"a": np.ones(2), "b": np.zeros((2, 1))}).tolist() == [[1, 0], [1, 0]]
