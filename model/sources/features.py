"""What a model of tables takes: a tensor for each column, or one tensor of all columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ExportError
from model.signature import Arrays
from model.source import Report
from model.steps.description import Column, StepDescriptions, TableStep
from model.steps.plan import Plan
from model.steps.table import Table

MATRIX = "features"
"""Name of the tensor of all columns."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """The rows of an example, as the model's library reads them and as a service takes them."""

    original: Arrays
    """The columns as they are in the example, each of shape [rows]; or one matrix."""

    inputs: Arrays
    """Tensors of float32 or of strings, the rows first."""

    columns: tuple[Column, ...] | None
    """The columns in their order; None if they have no names."""

    def plan(self, steps: Plan | None) -> Plan | None:
        """Return the steps of the service, with one more: a row by the names of its columns to tensors.

        Args:
            steps: those of the command line. If they have a step before the model, it is used alone.

        """
        if self.columns is None or (steps is not None and steps.before is not None):
            return steps
        table = Table(step=TableStep(columns=self.columns))
        described = steps.description if steps is not None else StepDescriptions()
        return replace(
            steps or Plan(description=described),
            description=replace(described, before=table.step),
            before=table,
            request=self._first_row(self.columns),
        )

    def _first_row(self, columns: Sequence[Column]) -> dict[str, object]:
        """Return the first row of the example as a client sends it."""
        if set(self.original) != {column.name for column in columns}:
            (matrix,) = self.original.values()
            return {column.name: _json(value) for column, value in zip(columns, matrix[0], strict=True)}
        # A missing text is '' in a request, unless it is a missing category.
        missing = {column.name: "" if column.categories is None else None for column in columns}
        return {
            name: missing[name] if value[0] is None else _json(value[0])
            for name, value in self.original.items()
        }


def read(
    samples: Arrays | None,
    *,
    names: Sequence[str] | None,
    count: int | None,
    by_column: bool,
    report: Report,
    categories: Sequence[Sequence[str]] = (),
) -> Features:
    """Turn an example into the tensors that a service takes. Numbers become float32.

    Args:
        samples: columns by name, of shape [rows] or [rows, 1]; or one array of shape [rows, columns].
        names: the columns that the model takes, in their order; None if it knows no names.
        count: how many columns the model takes; None if that is unknown.
        by_column: whether each column is a tensor of its own, even if all are numbers.
        report: is called with a line on what is left out.
        categories: the values of the columns of text, where the model takes their indices.

    Raises:
        ExportError: there is no example, or it does not fit the model.

    """
    if not samples:
        raise ExportError(
            "--example FILE is missing: rows with which the export is compared, as .csv, .parquet, .npy or "
            ".npz; a few hundred rows of the training data are good"
        )
    matrix = next(iter(samples.values()))
    if len(samples) == 1 and matrix.ndim == 2 and matrix.dtype.kind not in "OU":
        return _of_matrix(samples, names=names, count=count, by_column=by_column)
    columns = {name: _flat(name, array) for name, array in samples.items()}
    return _of_columns(
        _chosen(columns, names, count, report), by_column=by_column, categories=categories, report=report
    )


def _json(value: Any) -> object:  # noqa: ANN401 - a number of NumPy, or a str
    """Return a value as JSON has it, null for a missing number."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if plain != plain else plain


def _of_matrix(
    samples: Arrays, *, names: Sequence[str] | None, count: int | None, by_column: bool
) -> Features:
    ((name, matrix),) = samples.items()
    if by_column:
        raise ExportError(
            "--example: the model chooses its columns by name, and the array has no names. Give a .csv or "
            f".parquet file with the columns {', '.join(names or ())}, or an .npz file with an array for each"
        )
    if count is not None and matrix.shape[1] != count:
        raise ExportError(f"--example: {name!r} has {matrix.shape[1]} columns, and the model takes {count}")
    columns = tuple(Column(name=column, input=name) for column in names) if names else None
    return Features(original=samples, inputs={name: _float32(name, matrix)}, columns=columns)


def _of_columns(
    columns: Arrays, *, by_column: bool, categories: Sequence[Sequence[str]], report: Report
) -> Features:
    texts = [name for name, column in columns.items() if column.dtype.kind in "OU"]
    if categories and texts:
        known = _categories(texts, categories)
        coded = {**columns, **{name: _codes(name, columns[name], known[name]) for name in texts}}
        return _matrix(columns, coded, known)
    if not texts and not by_column:
        return _matrix(columns, columns, {})
    inputs = {
        name: (_text(name, column, report) if name in texts else _float32(name, column)).reshape(-1, 1)
        for name, column in columns.items()
    }
    return Features(
        original=columns, inputs=inputs, columns=tuple(Column(name=name, input=name) for name in columns)
    )


def _matrix(original: Arrays, numbers: Arrays, categories: Mapping[str, Sequence[str]]) -> Features:
    matrix = np.stack([_float32(name, column) for name, column in numbers.items()], axis=1)
    return Features(
        original=original,
        inputs={MATRIX: matrix},
        columns=tuple(
            Column(
                name=name, input=MATRIX, categories=tuple(categories[name]) if name in categories else None
            )
            for name in numbers
        ),
    )


def _flat(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 1 or array.shape[1:] == (1,):
        return array.reshape(-1)
    raise ExportError(
        f"--example: {name!r} has the shape {list(array.shape)}: a column is [rows] or [rows, 1], and a "
        "matrix of all columns must be the only array of its file"
    )


def _chosen(columns: Arrays, names: Sequence[str] | None, count: int | None, report: Report) -> Arrays:
    """Return the columns that the model takes, in its order."""
    if names is None:
        if count is not None and len(columns) != count:
            raise ExportError(
                f"--example has the columns {', '.join(columns)}, and the model takes {count}, without "
                "names: give those alone, in the order of the training data"
            )
        return columns
    if missing := [name for name in names if name not in columns]:
        raise ExportError(
            f"--example has no column {', '.join(map(repr, missing))}: the model takes {', '.join(names)}, "
            "as in its training data"
        )
    if others := [name for name in columns if name not in names]:
        report(f"columns that the model does not take: {', '.join(others)}")
    return {name: columns[name] for name in names}


def _float32(name: str, numbers: NDArray[Any]) -> NDArray[np.float32]:
    if numbers.dtype.kind not in "biuf":
        raise ExportError(
            f"--example: column {name!r} holds text, and this model takes numbers: encode it as in the "
            "training data"
        )
    narrow = numbers.astype(np.float32)
    if numbers.dtype.kind in "iu" and (narrow.astype(np.float64) != numbers.astype(np.float64)).any():
        raise ExportError(
            f"--example: column {name!r} holds whole numbers above 16,777,216, which float32 rounds, and a "
            "service takes numbers as float32: use smaller numbers, or text for identifiers"
        )
    return narrow


def _text(name: str, column: NDArray[Any], report: Report) -> NDArray[np.str_]:
    missing = np.array([value is None for value in column])
    if missing.any():
        report(
            f"column {name!r} lacks {missing.sum()} texts: a request has no missing text, and '' stands for "
            "it"
        )
    return np.where(missing, "", column).astype(np.str_)


def _categories(texts: Sequence[str], categories: Sequence[Sequence[str]]) -> dict[str, Sequence[str]]:
    if len(texts) != len(categories):
        raise ExportError(
            f"--example: the columns {', '.join(texts)} hold text, and the model knows the categories of "
            f"{len(categories)} columns: give text for those alone"
        )
    return dict(zip(texts, categories, strict=True))


def _codes(name: str, column: NDArray[Any], categories: Sequence[str]) -> NDArray[np.float64]:
    """Return the index of each value in the categories; NaN for a missing value."""
    index = {category: number for number, category in enumerate(categories)}
    if unknown := sorted({str(value) for value in column if value is not None} - set(index)):
        raise ExportError(
            f"--example: column {name!r} holds {', '.join(unknown)}, and the model knows "
            f"{', '.join(categories)}"
        )
    return np.array([np.nan if value is None else index[value] for value in column])


def frame_of(inputs: Mapping[str, NDArray[Any]], names: Sequence[str] | None) -> Any:  # noqa: ANN401 - a DataFrame or an array
    """Return rows as scikit-learn reads them: a data frame where the columns have names.

    Args:
        inputs: columns of shape [rows] or [rows, 1], or one matrix.
        names: the names of the matrix's columns, if it has some.

    """
    matrix = next(iter(inputs.values()))
    if names is None and len(inputs) == 1:
        return matrix
    import pandas as pd

    if len(inputs) == 1 and matrix.ndim == 2 and names is not None:
        return pd.DataFrame(matrix, columns=list(names))
    return pd.DataFrame({name: array.reshape(-1) for name, array in inputs.items()})


def matrix_of(inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return rows as one array of shape [rows, columns].

    Args:
        inputs: columns of numbers, of shape [rows] or [rows, 1]; or one matrix.

    """
    matrix = next(iter(inputs.values()))
    if len(inputs) == 1 and matrix.ndim == 2:
        return matrix
    return np.stack([array.reshape(-1) for array in inputs.values()], axis=1)
