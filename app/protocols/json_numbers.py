"""JSON lists of floating-point numbers, read into an array without a Python object for each number."""

import math
import threading
from functools import lru_cache
from typing import Any, cast

import numpy as np
import simdjson
from numpy.typing import NDArray

from app.signature import Tensor
from app.tensors import DTYPES

PIECE_BYTES = 32 * 1024
"""How much of a body is parsed at once. Nothing else runs meanwhile: the parser holds Python's lock."""

FLAT_DEPTH = 2
"""Of the lists around a number in a batch of flat samples."""

REMEMBERED_VALUES = 4096
"""Of a batch whose structure is kept for the next one."""

_STRUCTURE = b"[],"
_NOT_STRUCTURE = bytes(set(range(256)) - set(_STRUCTURE))
_BLANKS = b" \t\r\n"

_own = threading.local()


class StructureError(Exception):
    """A list is no sample and no batch, whatever its values are."""


def numbers(body: bytes, tensor: Tensor) -> NDArray[Any] | None:
    """Read one sample or a batch, nested or flat.

    Args:
        body: JSON.
        tensor: the only input of the model.

    Returns:
        The samples, of shape [batch, ...]. None where the body is anything else, right or wrong, or a number
        does not fit: then `payload.decode` reads it, which is slower and can say what is wrong.

    Raises:
        StructureError: it is a long list whose brackets and commas are those of no sample or batch. A short
            list is parsed whole instead. To parse eight megabytes would hold up every other request for a
            tenth of a second and more.

    """
    size = tensor.sample_size
    dtype = DTYPES[tensor.datatype]
    is_float, is_long = dtype.kind == "f", len(body) > PIECE_BYTES
    if not size or dtype.kind == "O" or not (is_float or is_long):
        return None
    batch = _batch(body, tensor, size)
    if batch is None and is_long and body.lstrip(_BLANKS).startswith(b"["):
        raise StructureError
    if batch is None or not is_float:
        return None
    try:
        # A number that is too large becomes infinite, which is looked for below.
        with np.errstate(over="ignore"):
            parts = [_values(piece).astype(dtype) for piece in _pieces(body, tensor)]
    except (AttributeError, ValueError, TypeError, RuntimeError):
        return None
    array = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if len(array) != batch * size or not np.isfinite(array).all():
        return None
    return array.reshape(batch, *tensor.sample_shape)


def _batch(body: bytes, tensor: Tensor, size: int) -> int | None:
    """Return how many samples a body holds by its brackets and commas; None where they are of no batch."""
    batch, rest = divmod(occurrences(body, b",") + 1, size)
    if rest or _structure(body) not in _structures(tensor.sample_shape, batch):
        return None
    return batch


def occurrences(body: bytes, byte: bytes) -> int:
    """Count a byte. NumPy is ten times as fast as `bytes.count` where every second byte is that one."""
    if len(body) <= PIECE_BYTES:
        return body.count(byte)
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord(byte)))


def _structure(body: bytes) -> bytes:
    starts = range(0, len(body), PIECE_BYTES)
    return b"".join([body[start : start + PIECE_BYTES].translate(None, _NOT_STRUCTURE) for start in starts])


def _values(piece: bytes) -> NDArray[np.float64]:
    return np.frombuffer(cast(simdjson.Array, _parser().parse(piece)).as_buffer(of_type="d"), np.float64)


def _pieces(body: bytes, tensor: Tensor) -> list[bytes]:
    """Cut a body at commas, and make each part a list of its own.

    Every number is inside `depth` lists at most. So a part without the brackets at its ends, put into `depth`
    new lists, is valid exactly where it was valid in its place: its other brackets are paired.
    """
    if len(body) <= PIECE_BYTES:
        return [body]
    depth = len(tensor.sample_shape) + FLAT_DEPTH
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        cut = body.find(b",", start + PIECE_BYTES)
        cut = len(body) if cut < 0 else cut
        part = body[start:cut].lstrip(b"[" + _BLANKS).rstrip(b"]" + _BLANKS)
        pieces.append(b"[" * depth + part + b"]" * depth)
        start = cut + 1
    return pieces


def _structures(shape: tuple[int, ...], batch: int) -> tuple[bytes, ...]:
    """Return the brackets and commas of every form that a batch may have."""
    if batch * math.prod(shape) <= REMEMBERED_VALUES:
        return _remembered(shape, batch)
    return _made(shape, batch)


@lru_cache(maxsize=64)
def _remembered(shape: tuple[int, ...], batch: int) -> tuple[bytes, ...]:
    return _made(shape, batch)


def _made(shape: tuple[int, ...], batch: int) -> tuple[bytes, ...]:
    nested = b""
    for length in reversed(shape):
        nested = _list(nested, length)
    size = nested.count(b",") + 1
    flat = _list(b"", size)
    # A sample of shape [] is no list by itself.
    alone = [form for form in (nested, flat) if form] if batch == 1 else []
    return (*alone, _list(nested, batch), _list(flat, batch))


def _list(element: bytes, length: int) -> bytes:
    return b"[" + b",".join([element] * length) + b"]"


def _parser() -> simdjson.Parser:
    """Return this thread's parser. It keeps the memory of its longest piece."""
    try:
        return _own.parser
    except AttributeError:
        parser = _own.parser = simdjson.Parser()
        return parser
