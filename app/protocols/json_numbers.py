"""Parses JSON lists of floating-point numbers into an array, without a Python object for each number."""

import math
import threading
from functools import lru_cache
from typing import Any, cast

import numpy as np
import simdjson
from numpy.typing import NDArray

from app.signature import Tensor
from app.tensors import DTYPES, is_finite

PIECE_BYTES = 32 * 1024
"""How much of a body is parsed in one call. A call holds Python's global lock, so nothing else can run."""

FLAT_BATCH_DEPTH = 2
"""How many lists surround a number in a batch of flat samples."""

MAX_CACHED_VALUES = 4096
"""The largest number of values in a batch whose structure is cached."""

_STRUCTURE = b"[],"
"""The characters whose order shows the shape of a list of numbers."""
_NOT_STRUCTURE = bytes(set(range(256)) - set(_STRUCTURE))
_WHITESPACE = b" \t\r\n"

_of_thread = threading.local()


class StructureError(Exception):
    """A list is neither a sample nor a batch, whatever its values are."""


def read_numbers(body: bytes, tensor: Tensor) -> NDArray[Any] | None:
    """Parse one sample or a batch, nested or flat.

    Args:
        body: JSON.
        tensor: the only input of the model.

    Returns:
        The samples, of shape [batch, ...]. None if the body is anything else, valid or not, or if a number
        does not fit. Then `payload.decode` parses it, which is slower but can say what is wrong.

    Raises:
        StructureError: a long list has brackets and commas that do not fit a sample or a batch. It is not
            parsed, because parsing eight megabytes blocks all other requests for at least a tenth of a
            second. A short list is parsed instead.

    """
    size = tensor.sample_size
    dtype = DTYPES[tensor.datatype]
    is_float, is_long = dtype.kind == "f", len(body) > PIECE_BYTES
    if not size or dtype.kind == "O" or not (is_float or is_long):
        return None
    batch = _batch(body, tensor, size)
    if batch is None and is_long and body.lstrip(_WHITESPACE).startswith(b"["):
        raise StructureError
    if batch is None or not is_float:
        return None
    try:
        # A number that is too large becomes infinite, which is checked below.
        with np.errstate(over="ignore"):
            parts = [_values(piece).astype(dtype) for piece in _pieces(body, tensor)]
    except (AttributeError, ValueError, TypeError, RuntimeError):
        return None
    array = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if len(array) != batch * size or not is_finite(array):
        return None
    return array.reshape(batch, *tensor.sample_shape)


def _batch(body: bytes, tensor: Tensor, size: int) -> int | None:
    """Return how many samples a body has, by its brackets and commas. None if they do not form a batch."""
    batch, rest = divmod(count_byte(body, b",") + 1, size)
    if rest or _structure(body) not in _structures(tensor.sample_shape, batch):
        return None
    return batch


def count_byte(body: bytes, byte: bytes) -> int:
    """Count how often a byte occurs. For a frequent byte, NumPy is ten times faster than `bytes.count`."""
    if len(body) <= PIECE_BYTES:
        return body.count(byte)
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord(byte)))


def _structure(body: bytes) -> bytes:
    if len(body) <= PIECE_BYTES:
        return body.translate(None, _NOT_STRUCTURE)
    starts = range(0, len(body), PIECE_BYTES)
    return b"".join([body[start : start + PIECE_BYTES].translate(None, _NOT_STRUCTURE) for start in starts])


def _values(piece: bytes) -> NDArray[np.float64]:
    return np.frombuffer(cast(simdjson.Array, _parser().parse(piece)).as_buffer(of_type="d"), np.float64)


def _pieces(body: bytes, tensor: Tensor) -> list[bytes]:
    """Split a body at commas, and turn each part into a list.

    Every number is inside `depth` lists at most. The brackets at the ends of a part are removed, and `depth`
    new lists are put around it. The other brackets of the part are paired, so the new list is valid exactly
    if the part was valid in the body.
    """
    if len(body) <= PIECE_BYTES:
        return [body]
    depth = len(tensor.sample_shape) + FLAT_BATCH_DEPTH
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        cut = body.find(b",", start + PIECE_BYTES)
        cut = len(body) if cut < 0 else cut
        part = body[start:cut].lstrip(b"[" + _WHITESPACE).rstrip(b"]" + _WHITESPACE)
        pieces.append(b"[" * depth + part + b"]" * depth)
        start = cut + 1
    return pieces


def _structures(shape: tuple[int, ...], batch: int) -> tuple[bytes, ...]:
    """Return the brackets and commas of each form that a batch of this size may have."""
    if batch * math.prod(shape) <= MAX_CACHED_VALUES:
        return _cached_structures(shape, batch)
    return _build_structures(shape, batch)


@lru_cache(maxsize=64)
def _cached_structures(shape: tuple[int, ...], batch: int) -> tuple[bytes, ...]:
    return _build_structures(shape, batch)


def _build_structures(shape: tuple[int, ...], batch: int) -> tuple[bytes, ...]:
    nested = b""
    for length in reversed(shape):
        nested = _list(nested, length)
    size = nested.count(b",") + 1
    flat = _list(b"", size)
    # A sample of shape [] is not a list.
    single = [form for form in (nested, flat) if form] if batch == 1 else []
    return (*single, _list(nested, batch), _list(flat, batch))


def _list(element: bytes, length: int) -> bytes:
    return b"[" + b",".join([element] * length) + b"]"


def _parser() -> simdjson.Parser:
    """Return the parser of this thread. A parser keeps memory for the longest piece that it has parsed."""
    try:
        return _of_thread.parser
    except AttributeError:
        parser = _of_thread.parser = simdjson.Parser()
        return parser
