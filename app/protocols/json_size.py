"""What JSON takes when it is read, known before any of it is: by counting its commas and brackets."""

import math

from app.errors import TooLarge
from app.protocols.json_numbers import occurrences
from app.signature import Signature

BYTES_A_VALUE = 56
"""A number as an object of Python's, its places in two lists, and in an array."""

BYTES_A_STRING = 64
BYTES_A_LIST = 120
BYTES_AN_OBJECT = 256
"""Also where they are empty. Measured: `[{},{},...]` takes 204 bytes for each `{}`."""

ALLOWANCE = 2**14
"""Values, lists, objects and strings, of each so many, that are not a tensor's: names, shapes, parameters."""


def cost(json: bytes, signature: Signature, batch_size: int) -> int:
    """Return how many bytes of memory it takes at most to read JSON.

    Raises:
        TooLarge: it holds more of something than `batch_size` samples have.

    """
    commas, lists, objects, strings = counts = _counts(json)
    if (most := _most(signature, batch_size)) is not None:
        found = {"values": commas + lists + objects, "lists": lists, "objects": objects, "strings": strings}
        for kind, number in most.items():
            if found[kind] > number:
                raise _too_many(kind, signature, batch_size)
    return len(json) + _bytes(*counts)


def cost_of_any(json: bytes) -> int:
    """Return how many bytes of memory it takes at most to parse JSON, whatever it says."""
    # A character of a string takes four bytes where one of them is beyond 65535.
    return 4 * len(json) + _bytes(*_counts(json))


def _counts(json: bytes) -> tuple[int, int, int, int]:
    """Return the numbers of commas, lists, objects and strings."""
    commas, lists, objects, marks = (occurrences(json, byte) for byte in (b",", b"[", b"{", b'"'))
    return commas, lists, objects, marks // 2


def _bytes(commas: int, lists: int, objects: int, strings: int) -> int:
    return (
        commas * BYTES_A_VALUE + strings * BYTES_A_STRING + lists * BYTES_A_LIST + objects * BYTES_AN_OBJECT
    )


def _most(signature: Signature, batch_size: int) -> dict[str, int] | None:
    """Return the most values, lists, objects and strings of a request; None where any number may be right.

    Values are counted by commas and brackets: a list of n values has n of them, its own bracket included.
    Texts hold commas and brackets of their own.
    """
    values, lists = 2, 1
    for tensor in signature.inputs:
        if tensor.sample_size is None or tensor.datatype == "BYTES":
            return None
        shape = tensor.sample_shape
        values += 2 + sum(math.prod(shape[:axes]) for axes in range(1, len(shape) + 1))
        lists += 1 + sum(math.prod(shape[:axes]) for axes in range(len(shape)))
    names = 1 + len(signature.inputs)
    in_a_sample = {"values": values, "lists": lists, "objects": 1, "strings": names}
    return {kind: ALLOWANCE + batch_size * number for kind, number in in_a_sample.items()}


def _too_many(kind: str, signature: Signature, batch_size: int) -> TooLarge:
    sizes = ", ".join(f"{tensor.name!r} {list(tensor.sample_shape)}" for tensor in signature.inputs)
    return TooLarge(
        f"the body holds more {kind} than {batch_size} samples of {sizes}, the most that are accepted",
        tensor=signature.inputs[0],
    )
