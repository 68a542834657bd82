"""Says what is wrong with the values of an input: where, what was found, and what is expected."""

from typing import NoReturn

import numpy as np
import orjson

from app.errors import InvalidInput
from app.signature import Tensor
from app.tensors import DTYPES

VALUE_NAMES = {"b": "booleans", "i": "integers", "u": "integers", "f": "numbers", "O": "strings"}
"""The plural of a value, by NumPy's letter for its kind."""

MAX_SHOWN_CHARACTERS = 40
"""How many characters of a wrong value an error message repeats."""


def refuse(tensor: Tensor, what: str) -> NoReturn:
    """Refuse the values of an input.

    Args:
        tensor: the input, as the signature describes it.
        what: what is wrong, in words that follow `input 'NAME' `.

    Raises:
        InvalidInput: always; it also says which datatype and shape are expected.

    """
    size = tensor.sample_size
    flat = "" if size is None else f", or {size} {VALUE_NAMES[DTYPES[tensor.datatype].kind]} flat"
    many = ", or a list of such samples" if tensor.batched else ""
    raise InvalidInput(
        f"input {tensor.name!r} {what}; expected {tensor.datatype} of shape "
        f"{list(tensor.sample_shape)}{flat}{many}",
        tensor=tensor,
    )


def preview(value: object) -> str:
    """Return a value for an error message, shortened: a client may send long strings and deep lists."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "an integer of more than 64 bits"
    return orjson.dumps(value[:MAX_SHOWN_CHARACTERS] if isinstance(value, str) else value).decode()


def position(index: int, shape: tuple[int, ...]) -> str:
    """Return where a value of a nested list is, as its index in code: ` at [0][2]`.

    Args:
        index: of the value in the flat list.
        shape: of the nested list.

    """
    where = "".join(f"[{step}]" for step in np.unravel_index(index, shape))
    return f" at {where}" if where else ""
