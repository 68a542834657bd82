"""Flat samples of floating-point numbers, read from JSON without a Python object a number."""

import threading
from typing import Any, cast

import numpy as np
import simdjson
from numpy.typing import NDArray

from app.messages import LONG
from app.signature import Tensor
from app.tensors import DTYPES

_own = threading.local()


def read(body: bytes, tensor: Tensor) -> NDArray[Any] | None:
    """Read flat samples of floating-point numbers straight into a buffer, with no Python object a number.

    Returns:
        None where the body is anything else, right or wrong: then it is looked at with care.

    """
    dtype = DTYPES[tensor.datatype]
    size = tensor.sample_size
    if dtype.kind != "f" or size is None:
        return None
    # Of flat samples each value but the last has a comma behind it, in lists or between them.
    if (body.count(b",") + 1) % size:
        return None
    try:
        parser = _parser(len(body))
        parsed = parser.parse(body)
        if not isinstance(parsed, simdjson.Array):
            return None
        brackets = body.count(b"[")
        batch = None if brackets == 1 else len(parsed)
        # All opening brackets are the list's own and its rows', so that no row holds a list.
        if batch is not None and (
            brackets != batch + 1 or not all(isinstance(row, simdjson.Array) for row in parsed)
        ):
            return None
        if any(len(row) != size for row in ([parsed] if batch is None else cast(list[Any], parsed))):
            return None
        values = np.frombuffer(parsed.as_buffer(of_type="d"), np.float64)
    except (ValueError, TypeError, RuntimeError):
        return None
    with np.errstate(over="ignore"):
        array = values.astype(dtype)
    return array.reshape(batch or 1, *tensor.sample_shape) if np.isfinite(array).all() else None


def _parser(length: int) -> simdjson.Parser:
    """Return a parser that no other thread has. It keeps the memory of its longest document."""
    if length > LONG:
        return simdjson.Parser()
    try:
        return _own.parser
    except AttributeError:
        parser = _own.parser = simdjson.Parser()
        return parser
