"""Rows by column name to tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np

from app.errors import InvalidInput, TooLarge
from app.signature import ArtifactError, Signature, Tensor
from app.step_descriptions import Column, TableStep
from app.tensors import DTYPES, Arrays

ROWS, INSTANCES = "rows", "instances"
"""Keys of a list of rows; the second one is that of TensorFlow Serving."""

BYTES_A_VALUE = 64
"""A value as an object of Python's, its place in a list, and its place in a tensor."""

SHOWN = 5
"""Names and categories that an error lists at most."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Turns rows into the model's inputs."""

    columns: dict[str, Column]
    inputs: dict[str, tuple[Tensor, tuple[Column, ...]]]
    """Each input with its columns, in the order of the input's axis."""

    readers: dict[str, Callable[[Any], Any]]
    """For each column, what turns a value of JSON into one of its input."""

    @classmethod
    def of(cls, step: TableStep, signature: Signature) -> Self:
        """Check that the columns fit the tensors.

        Raises:
            ArtifactError: they do not.

        """
        columns = {column.name: column for column in step.columns}
        if len(columns) != len(step.columns) or {ROWS, INSTANCES} & columns.keys():
            raise ArtifactError(f"steps: columns need different names, other than {ROWS} and {INSTANCES}")
        inputs = {
            tensor.name: (tensor, tuple(c for c in step.columns if c.input == tensor.name))
            for tensor in signature.inputs
        }
        if unknown := {column.input for column in step.columns} - inputs.keys():
            raise ArtifactError(f"steps: the model has no input {', '.join(sorted(unknown))}")
        for tensor, own in inputs.values():
            if tensor.sample_shape not in {(len(own),), ()} or len(own) == 0:
                raise ArtifactError(
                    f"steps: there are {len(own)} columns for {tensor.name!r} {list(tensor.shape)}"
                )
        readers = {c.name: _reader(c, inputs[c.input][0]) for c in step.columns}
        return cls(columns=columns, inputs=inputs, readers=readers)

    def cost(self, length: int, batch_size: int) -> int:
        """Return the bytes of the values, as objects and in tensors."""
        del length
        return batch_size * len(self.columns) * BYTES_A_VALUE

    def tensors(self, request: object, batch_size: int) -> Arrays:
        """Return the tensors of one row, an object by column name, or of `{"rows": [{…}, …]}`.

        A missing value is null or left out. It becomes NaN, and is refused where the input has no NaN.

        Raises:
            InvalidInput: a row or a value does not fit.
            TooLarge: there are too many rows.

        """
        rows = _rows(request)
        if len(rows) > batch_size:
            raise TooLarge(f"{len(rows)} rows in one request; at most {batch_size} are accepted")
        for number, row in enumerate(rows):
            self._check_names(number, row)
        return {
            name: np.array(
                [[self._value(number, row, column) for column in own] for number, row in enumerate(rows)],
                DTYPES[tensor.datatype],
            ).reshape(len(rows), *tensor.sample_shape)
            for name, (tensor, own) in self.inputs.items()
        }

    def _check_names(self, number: int, row: object) -> None:
        if not isinstance(row, dict):
            raise InvalidInput(f"row {number} must be an object by column name")
        if unknown := cast(dict[str, Any], row).keys() - self.columns.keys():
            raise InvalidInput(
                f"row {number} has a column {min(unknown)[:40]!r}; the columns are {', '.join(self.columns)}"
            )

    def _value(self, number: int, row: dict[str, Any], column: Column) -> object:
        try:
            return self.readers[column.name](row.get(column.name))
        except (ValueError, OverflowError) as error:
            raise InvalidInput(f"row {number}: column {column.name!r} {error}") from None


def _rows(request: object) -> list[Any]:
    if not isinstance(request, dict) or not request:
        raise InvalidInput(f'there must be an object by column name, or {{"{ROWS}": [{{…}}, …]}}')
    given = cast(dict[str, Any], request)
    for key in (ROWS, INSTANCES):
        if given.keys() == {key}:
            rows = given[key]
            if not isinstance(rows, list) or not rows:
                raise InvalidInput(f"{key!r} must be a list of one row or more")
            return cast(list[Any], rows)
    return [given]


def _reader(column: Column, tensor: Tensor) -> Callable[[Any], Any]:
    """Return a function from a value of JSON to a value of the tensor.

    It raises a ValueError that says what is wrong.
    """
    dtype = DTYPES[tensor.datatype]
    missing = np.nan if dtype.kind == "f" else None
    if column.categories is not None:
        numbers = {category: number for number, category in enumerate(column.categories)}
        return lambda value: _category(value, numbers, missing)
    if dtype.kind == "O":
        return _text
    if dtype.kind == "b":
        return _boolean
    bounds = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return lambda value: _number(value, dtype, float(bounds.min), float(bounds.max))


def _category(value: object, numbers: dict[str, int], missing: float | None) -> float:
    if value is None:
        if missing is None:
            raise ValueError("is missing")
        return missing
    if not isinstance(value, str) or value not in numbers:
        known = ", ".join([*list(numbers)[:SHOWN], *(["…"] if len(numbers) > SHOWN else [])])
        raise ValueError(f"holds none of its categories, which are {known}")
    return numbers[value]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - told to the client
            "is missing" if value is None else "must hold a string"
        )
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(  # noqa: TRY004 - told to the client
            "is missing" if value is None else "must hold true or false"
        )
    return value


def _number(value: object, dtype: np.dtype[Any], least: float, most: float) -> float:
    if value is None:
        if dtype.kind != "f":
            raise ValueError("is missing, and only a column of floating-point numbers may be")
        return np.nan
    if not isinstance(value, int | float) or (dtype.kind != "f" and isinstance(value, float)):
        raise ValueError("must hold a number" if dtype.kind == "f" else "must hold an integer")
    if not least <= value <= most:
        raise ValueError(f"holds a number beyond {dtype}")
    return value
