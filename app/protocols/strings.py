"""Tensors of strings, the protocol's BYTES: an array of `str` here, lengths and bytes on the wire.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<I")

BYTES_A_BYTE = 12
"""Memory that a byte of packed strings takes at most when it is read: two letters take six bytes on the wire,
and about 70 as an object of Python's with its places in a list and an array."""


def unpack(data: memoryview, count: int) -> NDArray[Any]:
    """Read elements, each a four-byte little-endian length and as many bytes of UTF-8.

    Raises:
        ValueError: it is not so laid out, or holds another number of elements.

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
    """Write elements as `unpack` reads them."""
    parts: list[bytes] = []
    for element in array.ravel().tolist():
        encoded = element if isinstance(element, bytes) else str(element).encode()
        parts += [_LENGTH.pack(len(encoded)), encoded]
    return b"".join(parts)
