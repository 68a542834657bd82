"""Packs and unpacks tensors of strings, which the Open Inference Protocol calls BYTES.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<I")

MEMORY_PER_BYTE = 12
"""How many bytes of memory a byte of packed strings takes at most after unpacking. Two letters have six bytes
when packed, and about 70 as a Python string with the references to it in a list and an array."""


def unpack(data: memoryview, count: int) -> NDArray[Any]:
    """Unpack strings. Each is a length of four bytes, little-endian, and then so many bytes of UTF-8.

    Args:
        data: the packed strings.
        count: how many strings it must have.

    Returns:
        An array of `str`, of shape [count].

    Raises:
        ValueError: the data is malformed, or has another number of strings.

    """
    texts: list[str] = []
    position = 0
    while position < len(data):
        start = position + _LENGTH.size
        if start > len(data):
            raise ValueError(f"ends within the length of element {len(texts)}")
        (length,) = _LENGTH.unpack_from(data, position)
        position = start + length
        if position > len(data):
            raise ValueError(f"ends within element {len(texts)}, of {length} bytes")
        try:
            texts.append(str(data[start:position], "utf-8"))
        except UnicodeDecodeError:
            raise ValueError(f"holds an element {len(texts)} that is not UTF-8") from None
    if len(texts) != count:
        raise ValueError(f"has {len(texts)} elements, not {count}")
    return np.array(texts, dtype=np.object_)


def pack(array: NDArray[Any]) -> bytes:
    """Pack the strings of an array, row by row, into the layout that `unpack` reads."""
    parts: list[bytes] = []
    for element in array.ravel().tolist():
        encoded = element if isinstance(element, bytes) else str(element).encode()
        parts += [_LENGTH.pack(len(encoded)), encoded]
    return b"".join(parts)
