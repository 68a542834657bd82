"""Read a table: a file of rows with named columns, as .csv or .parquet."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.errors import ExportError, quoted
from model.signature import Arrays

SUFFIXES = (".csv", ".parquet")
NUMBER_KINDS = "biuf"
"""NumPy's letters for truth values, integers and floating point: https://numpy.org/doc/stable/reference/arrays.dtypes.html."""


def read(file: Path) -> Arrays:
    """Read the columns of a table.

    Args:
        file: .csv with the names of the columns in its first line, or .parquet.

    Returns:
        A column by its name, of shape [rows]: numbers, or objects that are `str`. A missing number is NaN,
        and a missing text is None.

    Raises:
        ExportError: the file cannot be read, has no rows, or a column holds neither numbers nor text.

    """
    try:
        import pandas as pd
    except ModuleNotFoundError:
        raise ExportError(
            f"--example {file}: pandas reads tables, and is not installed. Install it, or give an .npz file "
            "with an array for each column"
        ) from None
    try:
        frame = pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
    except OSError as error:
        raise ExportError(f"--example {file}: {error.strerror or error}") from None
    except ImportError:
        raise ExportError(
            f"--example {file}: pandas needs the package pyarrow for .parquet. Install it, or save the rows "
            "by frame.to_csv(FILE, index=False)"
        ) from None
    except Exception as error:
        raise ExportError(
            f"--example {file}: not a table that pandas can read ({quoted(error)}). Save one by "
            "frame.to_csv(FILE, index=False)"
        ) from error
    if frame.empty:
        raise ExportError(f"--example {file}: has no rows: a table needs one row or more below the names")
    return of_frame(frame)


def of_frame(frame: Any) -> Arrays:  # noqa: ANN401 - a pandas.DataFrame, which may not be installed
    """Return the columns of a data frame, as `read` does.

    Raises:
        ExportError: a column holds neither numbers nor text.

    """
    return {str(name): _column(str(name), frame[name].to_numpy()) for name in frame.columns}


def _column(name: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind in NUMBER_KINDS:
        return values
    objects = np.array(values, dtype=np.object_)
    missing = np.array([value is None or value != value for value in objects], dtype=bool)
    objects[missing] = None
    known = objects[~missing]
    if all(isinstance(value, str) for value in known):
        return objects
    try:
        numbers = np.where(missing, np.nan, objects).astype(np.float64)
    except (TypeError, ValueError):
        kinds = ", ".join(sorted({type(value).__name__ for value in known}))
        raise ExportError(
            f"--example: column {name!r} holds {kinds}: a request carries numbers and text. Convert the "
            "column to one of them before training, for example a date to the days since another"
        ) from None
    return numbers
