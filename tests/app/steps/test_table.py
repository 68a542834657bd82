"""Rows by column name to tensors."""

import math

import numpy as np
import pytest

from app.errors import InvalidInput, TooLarge
from app.signature import ArtifactError
from app.step_descriptions import Column, TableStep
from app.steps.table import Table
from tests.app.steps.signatures import signature

OUTPUTS = {"y": ("FP32", [-1, 1])}


def column(name: str, input_: str = "x", categories: tuple[str, ...] | None = None) -> Column:
    return Column(name=name, input=input_, categories=categories)


STEP = TableStep(
    kind="table", columns=(column("age"), column("city", categories=("Rome", "Oslo")), column("tall"))
)
TABLE = Table.of(STEP, signature({"x": ("FP32", [-1, 3])}, OUTPUTS))


def test_the_columns_of_an_input_are_in_their_order_whatever_the_order_of_the_keys():
    rows = {"rows": [{"tall": True, "city": "Oslo", "age": 5}, {"age": 2.5, "city": "Rome", "tall": 0}]}

    assert TABLE.tensors(rows, 32)["x"].tolist() == [[5, 1, 1], [2.5, 0, 0]]


def test_a_row_may_stand_alone():
    tensors = TABLE.tensors({"age": 5, "city": "Rome", "tall": 1}, 32)

    assert (tensors["x"].dtype, tensors["x"].shape) == (np.float32, (1, 3))


def test_instances_are_rows_as_well():
    rows = [{"age": 5, "city": "Rome", "tall": 1}]

    assert (
        TABLE.tensors({"instances": rows}, 32)["x"].tolist()
        == TABLE.tensors({"rows": rows}, 32)["x"].tolist()
    )


@pytest.mark.parametrize("row", [{"age": None, "city": None, "tall": 1}, {"tall": 1}])
def test_a_missing_value_is_nan(row):
    age, city, tall = TABLE.tensors(row, 32)["x"][0].tolist()

    assert math.isnan(age)
    assert math.isnan(city)
    assert tall == 1


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ([1, 2], "there must be an object by column name"),
        ({}, "there must be an object by column name"),
        ({"rows": []}, "'rows' must be a list of one row or more"),
        ({"rows": [{"age": 1}, 5]}, "row 1 must be an object by column name"),
        ({"aeg": 5}, "row 0 has a column 'aeg'; the columns are age, city, tall"),
        ({"rows": [{"age": 1}, {"age": "old"}]}, "row 1: column 'age' must hold a number"),
        ({"age": 1e39}, "row 0: column 'age' holds a number beyond float32"),
        ({"age": 10**400}, "row 0: column 'age' holds a number beyond float32"),
        ({"city": "Bonn"}, "column 'city' holds none of its categories, which are Rome, Oslo"),
        ({"city": 1}, "column 'city' holds none of its categories"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_its_number_and_column(request_, told):
    with pytest.raises(InvalidInput, match=told):
        TABLE.tensors(request_, 32)


def test_too_many_rows_are_refused():
    with pytest.raises(TooLarge, match="3 rows in one request; at most 2"):
        TABLE.tensors({"rows": [{"age": 1}] * 3}, 2)


MIXED = Table.of(
    TableStep(kind="table", columns=(column("n", "n"), column("s", "s"), column("b", "b"))),
    signature({"n": ("INT32", [-1, 1]), "s": ("BYTES", [-1, 1]), "b": ("BOOL", [-1])}, OUTPUTS),
)


def test_each_column_may_have_an_input_of_its_own_type():
    tensors = MIXED.tensors({"n": 7, "s": "text", "b": True}, 32)

    assert {name: array.tolist() for name, array in tensors.items()} == {
        "n": [[7]],
        "s": [["text"]],
        "b": [True],
    }
    assert tensors["n"].dtype == np.int32


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"s": "t", "b": True}, "column 'n' is missing, and only a column of floating-point numbers may be"),
        ({"n": 1, "b": True}, "column 's' is missing"),
        ({"n": 1, "s": "t"}, "column 'b' is missing"),
        ({"n": 1.5, "s": "t", "b": True}, "column 'n' must hold an integer"),
        ({"n": 2**31, "s": "t", "b": True}, "column 'n' holds a number beyond int32"),
        ({"n": 1, "s": 2, "b": True}, "column 's' must hold a string"),
        ({"n": 1, "s": "t", "b": 1}, "column 'b' must hold true or false"),
    ],
)
def test_a_value_of_another_type_is_refused(row, told):
    with pytest.raises(InvalidInput, match=told):
        MIXED.tensors(row, 32)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ((column("a"), column("a"), column("c")), "columns need different names"),
        ((column("rows"), column("a"), column("c")), "columns need different names, other than rows"),
        ((column("a"), column("b")), r"there are 2 columns for 'x' \[-1, 3\]"),
        ((column("a"), column("b"), column("c", "z")), "the model has no input z"),
    ],
)
def test_columns_that_do_not_fit_the_tensors_are_not_served(columns, told):
    with pytest.raises(ArtifactError, match=told):
        Table.of(TableStep(kind="table", columns=columns), signature({"x": ("FP32", [-1, 3])}, OUTPUTS))
