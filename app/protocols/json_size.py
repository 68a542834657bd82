"""What JSON takes when it is read, known before any of it is: by counting its commas and brackets."""

import math

from app.errors import TooLarge
from app.signature import Signature

BYTES_A_VALUE = 56
"""A number as an object of Python's, its places in two lists, and in an array."""

BYTES_A_STRING = 64
BYTES_A_LIST = 120
BYTES_AN_OBJECT = 256
"""Also where they are empty. Measured: `[{},{},...]` takes 204 bytes for each `{}`."""

ALLOWANCE = 2**18
"""Commas and brackets of a request that are not its tensors': names, shapes, parameters, outputs."""


def cost(json: bytes, signature: Signature, batch_size: int) -> int:
    """Return how many bytes of memory it takes at most to read JSON.

    Raises:
        TooLarge: it holds more values than `batch_size` samples have.

    """
    commas, lists, objects = json.count(b","), json.count(b"["), json.count(b"{")
    most = _most(signature, batch_size)
    if most is not None and commas + lists + objects > most:
        sizes = ", ".join(f"{tensor.name!r} {list(tensor.sample_shape)}" for tensor in signature.inputs)
        raise TooLarge(
            f"the body holds more values than {batch_size} samples of {sizes}, the most that are accepted",
            tensor=signature.inputs[0],
        )
    strings = json.count(b'"') // 2
    return (
        len(json)
        + commas * BYTES_A_VALUE
        + strings * BYTES_A_STRING
        + lists * BYTES_A_LIST
        + objects * BYTES_AN_OBJECT
    )


def _most(signature: Signature, batch_size: int) -> int | None:
    """Return the most commas and brackets that a request may have; None where any number may be right.

    A list of n values has n of them, its own bracket included. Texts hold commas and brackets of their own.
    """
    sample = 2
    for tensor in signature.inputs:
        if tensor.sample_size is None or tensor.datatype == "BYTES":
            return None
        shape = tensor.sample_shape
        sample += 2 + sum(math.prod(shape[:axes]) for axes in range(1, len(shape) + 1))
    return ALLOWANCE + batch_size * sample
