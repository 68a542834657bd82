"""Rows by column name to tensors, as the file of `--table` describes the columns."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from pydantic import TypeAdapter, ValidationError

from model.errors import ExportError
from model.signature import Arrays
from model.steps.description import Column, TableStep

EXAMPLE = (
    '[{"name": "age", "input": "features"}, {"name": "city", "input": "features", "categories": ["Rome"]}]'
)
ROWS = "rows"


@dataclass(frozen=True, kw_only=True)
class Table:
    """The columns of a table."""

    step: TableStep

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the columns.

        Args:
            file: JSON, a list of objects with the keys of `Column`; `EXAMPLE` is one.

        Raises:
            ExportError: the file cannot be read, or describes no columns.

        """
        known = {field.name for field in fields(Column)}
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            for column in content:
                if unknown := column.keys() - known:
                    raise ExportError(
                        f"--table {file}: {', '.join(unknown)} is unknown. An example: {EXAMPLE}"
                    )
            columns = TypeAdapter(tuple[Column, ...]).validate_python(content)
        except OSError as error:
            raise ExportError(f"--table {file}: {error.strerror}") from None
        except (ValueError, AttributeError, TypeError, ValidationError) as error:
            raise ExportError(
                f"--table {file}: not a list of columns: {error}. An example: {EXAMPLE}"
            ) from None
        if not columns or len({column.name for column in columns}) != len(columns):
            raise ExportError(f"--table {file}: give one column or more, each with a name of its own")
        return cls(step=TableStep(columns=columns))

    def tensors(self, request: object) -> Arrays:
        """Return the tensors of the example request: a row, or `{"rows": [{…}, …]}`.

        Numbers and categories become float32, and a column of strings stays one of strings.

        Raises:
            ExportError: a row holds a column or a category that is unknown.

        """
        given = cast(dict[str, Any], request) if isinstance(request, dict) else {}
        rows: list[dict[str, Any]] = given[ROWS] if given.keys() == {ROWS} else [given]
        names = {column.name for column in self.step.columns}
        for row in rows:
            if not row or row.keys() - names:
                found = ", ".join(sorted(row.keys() - names)) or "nothing"
                raise ExportError(
                    f"--example-request: a row holds {found}; the columns are {', '.join(sorted(names))}"
                )
        return {
            name: _array([[_value(row.get(c.name), c) for c in columns] for row in rows])
            for name, columns in self._inputs().items()
        }

    def _inputs(self) -> dict[str, list[Column]]:
        inputs: dict[str, list[Column]] = {}
        for column in self.step.columns:
            inputs.setdefault(column.input, []).append(column)
        return inputs


def _value(value: object, column: Column) -> object:
    if value is None:
        return np.nan
    if column.categories is None:
        return value
    if value not in column.categories:
        raise ExportError(f"--example-request: {column.name!r} is {value!r}, which is none of its categories")
    return column.categories.index(cast(str, value))


def _array(rows: list[list[object]]) -> Any:  # noqa: ANN401 - of numbers or of strings
    is_text = isinstance(rows[0][0], str)
    return np.array(rows, np.str_ if is_text else np.float32)
