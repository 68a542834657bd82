"""JSON to tensors: one sample or a batch, checked against the signature."""

from http import HTTPStatus
from itertools import chain
from typing import Any, NoReturn, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from app.problems import Problem
from app.signature import Signature, Tensor
from app.tensors import DTYPES, Arrays

JSON_TYPES: dict[str, set[type]] = {"b": {bool}, "i": {int}, "u": {int}, "f": {int, float}}
"""Parsed values that a tensor takes, by NumPy's letter for its kind. A boolean is no number here."""

WORDS = {"b": "booleans", "i": "integers", "u": "integers", "f": "numbers"}
SHOWN = 40
"""Characters of a wrong value that are repeated to the client."""


def decode(body: bytes, signature: Signature, batch_size: int) -> Arrays:
    """Return the inputs that a JSON body holds, each of shape [batch, ...].

    A model with one input takes a list; one with several inputs takes an object of lists by input name. A
    list is read by its shape alone, never by its values. For samples of shape S with N values it is, the
    first that fits:

    1. one nested sample: shape S;
    2. one flat sample: shape [N];
    3. a batch of nested samples: shape [any, *S];
    4. a batch of flat samples: shape [any, N].

    No list means two different things. 1 and 2 differ in depth or are the same (S is [N]); so do 3 and 4;
    2 has depth one, and so has a batch only where S is [], when `[x]` is one sample either way. 1 and 4 meet
    where S is [1, N]: one nested sample is also a batch of one flat sample, of the same values. So with
    S = [4], `[[1,2,3,4]]` is a batch of one, and with S = [1], `[5]` is a sample and `[[5],[6]]` a batch of
    two (`[5,6]` is refused). Where an axis other than the batch has any length there is no flat form.

    Raises:
        Problem: 400 where it is not JSON or does not fit, naming the tensor and what it takes; 413 where
            it is more than `batch_size` samples.

    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # NaN, Infinity, 1e999 and too deep a nesting end here as well.
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
    if len(signature.inputs) == 1:
        only = signature.inputs[0]
        arrays = {only.name: _tensor(parsed, only)}
    else:
        arrays = _object(parsed, signature)
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the inputs differ in their number of samples: {sizes}")
    if (size := max(sizes.values())) > batch_size:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{size} samples in one request; at most {batch_size} are accepted",
            tensor=signature.inputs[0],
        )
    return arrays


def _object(parsed: object, signature: Signature) -> Arrays:
    names = [tensor.name for tensor in signature.inputs]
    if not isinstance(parsed, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body must be an object with the keys {', '.join(names)}")
    lists = cast(dict[str, Any], parsed)
    for tensor in signature.inputs:
        if tensor.name not in lists:
            raise Problem(HTTPStatus.BAD_REQUEST, f"input {tensor.name!r} is missing", tensor=tensor)
    if unknown := sorted(lists.keys() - set(names)):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"the model has no input {unknown[0][:SHOWN]!r}; its inputs are {', '.join(names)}",
        )
    return {tensor.name: _tensor(lists[tensor.name], tensor) for tensor in signature.inputs}


def _tensor(parsed: object, tensor: Tensor) -> NDArray[Any]:
    dtype = DTYPES[tensor.datatype]
    values, given = _flat(parsed, tensor)
    accepted = JSON_TYPES[dtype.kind]
    if not set(map(type, values)) <= accepted:
        index = next(index for index, value in enumerate(values) if type(value) not in accepted)
        _refuse(tensor, f"holds {_shown(values[index])}{_at(index, given)}")
    shape = _batch_shape(given, tensor)
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype)
    except OverflowError:
        _refuse(tensor, f"holds an integer beyond {tensor.datatype}")
    if dtype.kind == "f" and not np.isfinite(array).all():
        index = int(np.argmin(np.isfinite(array)))
        _refuse(tensor, f"holds a number beyond {tensor.datatype}{_at(index, given)}")
    return array.reshape(shape)


def _flat(parsed: object, tensor: Tensor) -> tuple[list[Any], tuple[int, ...]]:
    """Return the values of nested lists, and the shape of the nesting.

    Level by level and without recursion: a request chooses the depth. NumPy would do it in one call, but
    turns lists with a string in them into strings, all as long as the longest.
    """
    level: list[Any] = [parsed]
    shape: list[int] = []
    while set(map(type, level)) == {list}:
        lengths = set(map(len, level))
        if len(lengths) > 1:
            _refuse(tensor, f"is ragged: lists of {min(lengths)} and of {max(lengths)} values side by side")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    if not level:
        _refuse(tensor, "is an empty list")
    return level, tuple(shape)


def _batch_shape(given: tuple[int, ...], tensor: Tensor) -> tuple[int, ...]:
    size = tensor.sample_size
    if tensor.fits(given):
        return (1, *given)
    if given == (size,):
        return (1, *tensor.sample_shape)
    if tensor.fits(given[1:]):
        return given
    if given[1:] != (size,):
        _refuse(tensor, f"has the shape {list(given)}")
    return (given[0], *tensor.sample_shape)


def _shown(value: object) -> str:
    """Return the start of a value as it was sent; a client may send long ones, and deep ones."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return orjson.dumps(value[:SHOWN] if isinstance(value, str) else value).decode()


def _at(index: int, shape: tuple[int, ...]) -> str:
    """Say where a value of a nested list is, as one would write it in code."""
    where = "".join(f"[{step}]" for step in np.unravel_index(index, shape))
    return f" at {where}" if where else ""


def _refuse(tensor: Tensor, what: str) -> NoReturn:
    size = tensor.sample_size
    flat = "" if size is None else f", or {size} {WORDS[DTYPES[tensor.datatype].kind]} flat"
    raise Problem(
        HTTPStatus.BAD_REQUEST,
        f"input {tensor.name!r} {what}; expected {tensor.datatype} of shape {list(tensor.sample_shape)}{flat}"
        ", or a list of such samples",
        tensor=tensor,
    )
