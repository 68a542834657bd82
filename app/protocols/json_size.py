"""Estimates how much memory parsing JSON takes, before parsing it: counts its commas and brackets."""

import math

from app.errors import TooLarge
from app.protocols.json_numbers import count_byte
from app.signature import Signature

BYTES_PER_VALUE = 56
"""A number as a Python object, with the references to it in two lists, and its value in an array."""

BYTES_PER_STRING = 64
BYTES_PER_LIST = 120
BYTES_PER_OBJECT = 256
"""An object that may be empty. Measured: `[{},{},...]` takes 204 bytes for each `{}`."""

ALLOWANCE = 2**14
"""How many values, lists, objects and strings a request may have besides its tensors, such as names."""


def memory_cost(json: bytes, signature: Signature, batch_size: int) -> int:
    """Return how many bytes of memory parsing JSON takes at most.

    Args:
        json: the text, as UTF-8.
        signature: the signature of the model.
        batch_size: how many samples a request may have.

    Raises:
        TooLarge: the text has more values, lists, objects or strings than `batch_size` samples need.

    """
    commas, lists, objects, quotes = (count_byte(json, byte) for byte in (b",", b"[", b"{", b'"'))
    strings = quotes // 2
    if (limits := _limits(signature, batch_size)) is not None:
        found = {"values": commas + lists + objects, "lists": lists, "objects": objects, "strings": strings}
        for kind, limit in limits.items():
            if found[kind] > limit:
                raise _too_many(kind, signature, batch_size)
    return (
        len(json)
        + commas * BYTES_PER_VALUE
        + strings * BYTES_PER_STRING
        + lists * BYTES_PER_LIST
        + objects * BYTES_PER_OBJECT
    )


def _limits(signature: Signature, batch_size: int) -> dict[str, int] | None:
    """Return how many values, lists, objects and strings a request may have.

    Values are counted by commas and opening brackets: a list of n values has n-1 commas and 1 bracket.

    Returns:
        None if there is no limit: an axis has any length, or strings may themselves contain these characters.

    """
    values, lists = 2, 1
    for tensor in signature.inputs:
        if tensor.sample_size is None or tensor.datatype == "BYTES":
            return None
        shape = tensor.sample_shape
        values += 2 + sum(math.prod(shape[:axes]) for axes in range(1, len(shape) + 1))
        lists += 1 + sum(math.prod(shape[:axes]) for axes in range(len(shape)))
    names = 1 + len(signature.inputs)
    per_sample = {"values": values, "lists": lists, "objects": 1, "strings": names}
    return {kind: ALLOWANCE + batch_size * number for kind, number in per_sample.items()}


def _too_many(kind: str, signature: Signature, batch_size: int) -> TooLarge:
    shapes = ", ".join(f"{tensor.name!r} {list(tensor.sample_shape)}" for tensor in signature.inputs)
    return TooLarge(
        f"the body holds more {kind} than {batch_size} samples of {shapes}; no more samples are accepted",
        tensor=signature.inputs[0],
    )
