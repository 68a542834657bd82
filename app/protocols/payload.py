"""JSON to tensors: one sample or a batch, checked against the signature."""

import re
from itertools import chain
from typing import Any, NoReturn, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.protocols import json_numbers
from app.protocols.messages import check_samples, count
from app.signature import Signature, Tensor
from app.tensors import DTYPES, Arrays

JSON_TYPES: dict[str, set[type]] = {
    "b": {bool},
    "i": {int},
    "u": {int},
    "f": {int, float},
    "O": {str},
}
"""Parsed values that a tensor takes, by NumPy's letter for its kind. A boolean is no number here."""

WORDS = {"b": "booleans", "i": "integers", "u": "integers", "f": "numbers", "O": "strings"}
SHOWN = 40
"""Characters of a wrong value that are repeated to the client."""

PIECE = 16 * 1024
"""Values that are looked at in one call, which holds Python's lock: between two calls other threads run."""

INSTANCES = "instances"
"""The key of a batch in TensorFlow Serving's REST API and KServe's first protocol."""

SIGNATURE_NAME = "signature_name"
SERVING_DEFAULT = "serving_default"
"""The only signature that a model has here."""

ANOTHER_KIND = "if it is meant to be something else, say so in the content-type header"
_STARTS = re.compile(rb"[ \t\r\n]*[\[{\"\-0-9tfnNI]")
"""How JSON starts, and what is often taken for JSON."""


def decode(body: bytes, signature: Signature, *, batch_size: int) -> Arrays:
    """Return the inputs that a JSON body holds, each of shape [batch, ...].

    A model with one input takes a list; any model takes an object of lists by input name.
    `{"instances": [...]}` is a batch: of samples, or of objects by input name. A `signature_name` may stand
    beside it (https://www.tensorflow.org/tfx/serving/api_rest#predict_api).

    A list is read by its shape alone, never by its values. For samples of shape S with N values it is, the
    first that fits:

    1. one nested sample: shape S;
    2. one flat sample: shape [N];
    3. a batch of nested samples: shape [any, *S];
    4. a batch of flat samples: shape [any, N].

    Where two forms fit, both give the same values. Examples, with S = [2, 2] and so N = 4:

    ======================================= ==========================
    `[[1,2],[3,4]]`                         1, one nested sample
    `[1,2,3,4]`                             2, one flat sample
    `[[[1,2],[3,4]], [[5,6],[7,8]]]`        3, a batch of two samples
    `[[1,2,3,4], [5,6,7,8]]`                4, a batch of two samples
    ======================================= ==========================

    With S = [1], `[5]` is a sample, `[[5],[6]]` is a batch of two, and `[5,6]` is refused. A tensor with an
    axis of any length other than the batch has no flat form.

    Raises:
        InvalidInput: where it is not JSON or does not fit, naming the tensor and what it takes.
        TooLarge: where it is more than `batch_size` instances by name.

    """
    only = signature.inputs[0] if len(signature.inputs) == 1 else None
    if only is not None:
        try:
            array = json_numbers.numbers(body, only)
        except json_numbers.StructureError:
            _refuse(only, "is no list of samples by its brackets and commas")
        if array is not None:
            return {only.name: array}
    parsed = parse(body)
    if (instances := _instances_of(parsed)) is not None:
        arrays = _instances(instances, signature, batch_size)
    elif only is None or isinstance(parsed, dict):
        arrays = _object(cast(object, parsed), signature)
    else:
        arrays = {only.name: _tensor(parsed, only)}
    count(arrays)
    return arrays


def parse(body: bytes) -> object:
    """Parse JSON.

    Raises:
        InvalidInput: it is not JSON.

    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # NaN, Infinity, 1e999 and too deep a nesting end here as well.
        hint = "" if _STARTS.match(body) else f"; {ANOTHER_KIND}"
        raise InvalidInput(f"the body is not JSON: {error}{hint}") from None


def octets(body: bytes | memoryview, tensor: Tensor) -> NDArray[Any]:
    """Return the samples that a body holds as little-endian values, row-major, without padding.

    The layout is that of the Open Inference Protocol's binary tensors:
    https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md

    Raises:
        InvalidInput: it is no whole number of samples, or a value is not finite.

    """
    dtype = DTYPES[tensor.datatype].newbyteorder("<")
    size = tensor.sample_size
    if size is None:
        _refuse(tensor, "has no fixed length, which octets need")
    if not body or len(body) % (size * dtype.itemsize):
        _refuse(tensor, f"has {len(body)} octets, no whole number of samples of {size * dtype.itemsize}")
    array = np.frombuffer(body, dtype).reshape(-1, *tensor.sample_shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        at = np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape)
        _refuse(tensor, f"holds a number that is not finite at {''.join(f'[{step}]' for step in at)}")
    return array


def _instances_of(parsed: object) -> object | None:
    if not isinstance(parsed, dict):
        return None
    members = cast(dict[str, Any], parsed)
    if INSTANCES not in members or not members.keys() <= {INSTANCES, SIGNATURE_NAME}:
        return None
    if members.get(SIGNATURE_NAME, SERVING_DEFAULT) != SERVING_DEFAULT:
        raise InvalidInput(f"the model's only {SIGNATURE_NAME} is {SERVING_DEFAULT!r}; leave it out")
    return members[INSTANCES]


def _instances(parsed: object, signature: Signature, batch_size: int) -> Arrays:
    if not isinstance(parsed, list) or not parsed:
        raise InvalidInput(f"{INSTANCES!r} must be a list of samples, one or more")
    instances = cast(list[Any], parsed)
    if len(signature.inputs) == 1 and not isinstance(instances[0], dict):
        only = signature.inputs[0]
        if only.sample_shape == ():
            return {only.name: _tensor([[value] for value in instances], only)}
        return {only.name: _batch(instances, only)}
    # Each in the form that an object has without "instances": that takes much longer than to parse it.
    check_samples(len(instances), signature, batch_size)
    each = [_object(instance, signature) for instance in instances]
    for arrays in each:
        for tensor in signature.inputs:
            if len(arrays[tensor.name]) != 1:
                _refuse(tensor, f"of an instance holds {len(arrays[tensor.name])} samples")
    try:
        return {
            tensor.name: np.concatenate([arrays[tensor.name] for arrays in each])
            for tensor in signature.inputs
        }
    except ValueError:
        raise InvalidInput(f"the {INSTANCES!r} differ in their shapes") from None


def _batch(instances: list[Any], tensor: Tensor) -> NDArray[Any]:
    array = _tensor(instances, tensor)
    if len(array) != len(instances):
        # One sample whose first axis is not the batch's, or a flat one: not what "instances" says.
        _refuse(tensor, f"has {len(instances)} instances that are no samples")
    return array


def _object(parsed: object, signature: Signature) -> Arrays:
    names = [tensor.name for tensor in signature.inputs]
    if not isinstance(parsed, dict):
        raise InvalidInput(f"there must be an object with the keys {', '.join(names)}")
    lists = cast(dict[str, Any], parsed)
    batch = f'; a batch is {{"{INSTANCES}": [...]}}'
    if unknown := sorted(lists.keys() - set(names)):
        raise InvalidInput(
            f"the model has no input {unknown[0][:SHOWN]!r}; its inputs are {', '.join(names)}{batch}",
        )
    for tensor in signature.inputs:
        if tensor.name not in lists:
            raise InvalidInput(f"input {tensor.name!r} is missing{batch}", tensor=tensor)
    return {tensor.name: _tensor(lists[tensor.name], tensor) for tensor in signature.inputs}


def values(parsed: object, tensor: Tensor) -> NDArray[Any]:
    """Return the values of a parsed list, flat or nested, in the shape of its nesting.

    Raises:
        InvalidInput: it is no list of this tensor's values.

    """
    flat, given = _flat(parsed, tensor)
    _check_types(flat, given, tensor)
    return _array(flat, given, tensor).reshape(given)


def _tensor(parsed: object, tensor: Tensor) -> NDArray[Any]:
    flat, given = _flat(parsed, tensor)
    _check_types(flat, given, tensor)
    shape = _batch_shape(given, tensor)
    return _array(flat, given, tensor).reshape(shape)


def _check_types(values: list[Any], given: tuple[int, ...], tensor: Tensor) -> None:
    accepted = JSON_TYPES[DTYPES[tensor.datatype].kind]
    if not _types(values) <= accepted:
        index = next(index for index, value in enumerate(values) if type(value) not in accepted)
        _refuse(tensor, f"holds {_shown(values[index])}{_at(index, given)}")


def _array(values: list[Any], given: tuple[int, ...], tensor: Tensor) -> NDArray[Any]:
    dtype = DTYPES[tensor.datatype]
    array = np.empty(len(values), dtype)
    try:
        with np.errstate(over="ignore"):
            for start in range(0, len(values), PIECE):
                array[start : start + PIECE] = np.array(values[start : start + PIECE], dtype)
    except OverflowError:
        _refuse(tensor, f"holds an integer beyond {tensor.datatype}")
    if dtype.kind == "f" and not np.isfinite(array).all():
        index = int(np.argmin(np.isfinite(array)))
        _refuse(tensor, f"holds a number beyond {tensor.datatype}{_at(index, given)}")
    return array


def _flat(parsed: object, tensor: Tensor) -> tuple[list[Any], tuple[int, ...]]:
    """Return the values of nested lists, and the shape of the nesting.

    Level by level and without recursion: a request chooses the depth. NumPy would do it in one call, but
    turns lists with a string in them into strings, all as long as the longest.
    """
    level: list[Any] = [parsed]
    shape: list[int] = []
    while _types(level) == {list}:
        lengths = set(map(len, level))
        if len(lengths) > 1:
            _refuse(tensor, f"is ragged: lists of {min(lengths)} and of {max(lengths)} values side by side")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    if not level:
        _refuse(tensor, "is an empty list")
    return level, tuple(shape)


def _types(values: list[Any]) -> set[type]:
    types: set[type] = set()
    for start in range(0, len(values), PIECE):
        types |= set(map(type, values[start : start + PIECE]))
    return types


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
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "an integer of more than 64 bits"
    return orjson.dumps(value[:SHOWN] if isinstance(value, str) else value).decode()


def _at(index: int, shape: tuple[int, ...]) -> str:
    """Say where a value of a nested list is, as one would write it in code."""
    where = "".join(f"[{step}]" for step in np.unravel_index(index, shape))
    return f" at {where}" if where else ""


def _refuse(tensor: Tensor, what: str) -> NoReturn:
    size = tensor.sample_size
    flat = "" if size is None else f", or {size} {WORDS[DTYPES[tensor.datatype].kind]} flat"
    many = ", or a list of such samples" if tensor.batched else ""
    raise InvalidInput(
        f"input {tensor.name!r} {what}; expected {tensor.datatype} of shape {list(tensor.sample_shape)}{flat}"
        f"{many}",
        tensor=tensor,
    )
