"""Decodes JSON and raw values to tensors: one sample or a batch, checked against the signature."""

import re
from itertools import chain
from typing import Any, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.protocols import json_numbers
from app.protocols.messages import check_sample_count, sample_count
from app.protocols.refusals import MAX_SHOWN_CHARACTERS, position, preview, refuse
from app.signature import Signature, Tensor
from app.tensors import DTYPES, Arrays, is_finite

JSON_TYPES: dict[str, set[type]] = {
    "b": {bool},
    "i": {int},
    "u": {int},
    "f": {int, float},
    "O": {str},
}
"""The types of values that a tensor accepts, by NumPy's letter for its kind. A boolean is not a number."""

VALUES_PER_CALL = 16 * 1024
"""How many values are converted in one call. A call holds Python's global lock, so nothing else can run."""

INSTANCES = "instances"
"""The key of a batch in the REST API of TensorFlow Serving and in version 1 of KServe's protocol."""

SIGNATURE_NAME = "signature_name"
SERVING_DEFAULT = "serving_default"
"""The only signature name that a request may give."""

OTHER_TYPE_HINT = "if it is not meant to be JSON, set the content-type header"
_STARTS = re.compile(rb"[ \t\r\n]*[\[{\"\-0-9tfnNI]")
"""The start of JSON, and of texts that are often mistaken for JSON, such as NaN."""


def decode(body: bytes, signature: Signature, *, batch_size: int) -> Arrays:
    """Decode the inputs in a JSON body, each to shape [batch, ...].

    A model with one input accepts a list. Every model accepts an object with a list for each input name.
    `{"instances": [...]}` is a batch of samples, or of objects with a sample for each input name. The object
    may also have a `signature_name` (https://www.tensorflow.org/tfx/serving/api_rest#predict_api).

    Only the shape of a list decides what it means, never its values. If a sample has the shape S with N
    values, a list is the first of these that fits:

    1. one nested sample: shape S;
    2. one flat sample: shape [N];
    3. a batch of nested samples: shape [any, *S];
    4. a batch of flat samples: shape [any, N].

    If two forms fit, both give the same values. Examples for S = [2, 2] and N = 4:

    ======================================= ==========================
    `[[1,2],[3,4]]`                         1, one nested sample
    `[1,2,3,4]`                             2, one flat sample
    `[[[1,2],[3,4]], [[5,6],[7,8]]]`        3, a batch of two samples
    `[[1,2,3,4], [5,6,7,8]]`                4, a batch of two samples
    ======================================= ==========================

    For S = [1], `[5]` is a sample, `[[5],[6]]` is a batch of two, and `[5,6]` is refused. A sample with an
    axis of any length has no flat form.

    Args:
        body: the JSON text, as UTF-8.
        signature: the signature of the model.
        batch_size: how many samples a request may have.

    Raises:
        InvalidInput: it is not JSON or does not fit. The message names the input and what it accepts.
        TooLarge: it has more than `batch_size` instances that are objects.

    """
    single = signature.inputs[0] if len(signature.inputs) == 1 else None
    if single is not None:
        try:
            array = json_numbers.read_numbers(body, single)
        except json_numbers.StructureError:
            refuse(single, "has brackets and commas that do not fit samples")
        if array is not None:
            return {single.name: array}
    parsed = parse(body)
    if (instances := _instances_of(parsed)) is not None:
        arrays = _instances(instances, signature, batch_size)
    elif single is None or isinstance(parsed, dict):
        arrays = _object(cast(object, parsed), signature)
    else:
        arrays = {single.name: _tensor(parsed, single)}
    sample_count(arrays)
    return arrays


def parse(body: bytes) -> object:
    """Parse JSON.

    Raises:
        InvalidInput: it is not JSON.

    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # NaN, Infinity, 1e999 and lists that are nested too deeply are also refused here.
        hint = "" if _STARTS.match(body) else f"; {OTHER_TYPE_HINT}"
        raise InvalidInput(f"the body is not JSON: {error}{hint}") from None


def decode_octets(body: bytes | memoryview, tensor: Tensor) -> NDArray[Any]:
    """Decode raw values: little-endian, row by row, without padding.

    Binary tensors of the Open Inference Protocol have the same layout:
    https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md

    Returns:
        The samples, of shape [batch, ...], as a view of the body.

    Raises:
        InvalidInput: the length is not that of whole samples, or a value is not finite.

    """
    dtype = DTYPES[tensor.datatype].newbyteorder("<")
    size = tensor.sample_size
    if size is None:
        refuse(tensor, "has an axis of any length, so it cannot be sent as octets")
    if not body or len(body) % (size * dtype.itemsize):
        refuse(tensor, f"has {len(body)} octets, but a sample has {size * dtype.itemsize}")
    array = np.frombuffer(body, dtype).reshape(-1, *tensor.sample_shape)
    if dtype.kind == "f" and not is_finite(array):
        index = int(np.argmin(np.isfinite(array)))
        refuse(tensor, f"holds a number that is not finite{position(index, array.shape)}")
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
        raise InvalidInput(f"{INSTANCES!r} must be a list of at least one sample")
    instances = cast(list[Any], parsed)
    if len(signature.inputs) == 1 and not isinstance(instances[0], dict):
        single = signature.inputs[0]
        if single.sample_shape == ():
            return {single.name: _tensor([[value] for value in instances], single)}
        return {single.name: _batch(instances, single)}
    # Check the count first: decoding instances one by one takes much longer than parsing them.
    check_sample_count(len(instances), signature, batch_size)
    decoded = [_object(instance, signature) for instance in instances]
    for arrays in decoded:
        for tensor in signature.inputs:
            if len(arrays[tensor.name]) != 1:
                refuse(tensor, f"of an instance holds {len(arrays[tensor.name])} samples")
    try:
        return {
            tensor.name: np.concatenate([arrays[tensor.name] for arrays in decoded])
            for tensor in signature.inputs
        }
    except ValueError:
        raise InvalidInput(f"the {INSTANCES!r} have different shapes") from None


def _batch(instances: list[Any], tensor: Tensor) -> NDArray[Any]:
    array = _tensor(instances, tensor)
    if len(array) != len(instances):
        # The whole list is one sample, nested or flat, and not a list of samples.
        refuse(tensor, f"has {len(instances)} instances that are not samples")
    return array


def _object(parsed: object, signature: Signature) -> Arrays:
    names = [tensor.name for tensor in signature.inputs]
    if not isinstance(parsed, dict):
        raise InvalidInput(f"expected an object with the keys {', '.join(names)}")
    lists = cast(dict[str, Any], parsed)
    batch = f'; a batch is {{"{INSTANCES}": [...]}}'
    if unknown := sorted(lists.keys() - set(names)):
        raise InvalidInput(
            f"the model has no input {unknown[0][:MAX_SHOWN_CHARACTERS]!r}; "
            f"its inputs are {', '.join(names)}{batch}",
        )
    for tensor in signature.inputs:
        if tensor.name not in lists:
            raise InvalidInput(f"input {tensor.name!r} is missing{batch}", tensor=tensor)
    return {tensor.name: _tensor(lists[tensor.name], tensor) for tensor in signature.inputs}


def decode_values(parsed: object, tensor: Tensor) -> NDArray[Any]:
    """Return the values of a parsed list, in the shape of its nesting.

    Raises:
        InvalidInput: the list is ragged or empty, or a value does not fit the data type of the tensor.

    """
    flat, shape = _flatten(parsed, tensor)
    _check_types(flat, shape, tensor)
    return _array(flat, shape, tensor).reshape(shape)


def _tensor(parsed: object, tensor: Tensor) -> NDArray[Any]:
    flat, shape = _flatten(parsed, tensor)
    _check_types(flat, shape, tensor)
    return _array(flat, shape, tensor).reshape(_batch_shape(shape, tensor))


def _check_types(values: list[Any], shape: tuple[int, ...], tensor: Tensor) -> None:
    accepted = JSON_TYPES[DTYPES[tensor.datatype].kind]
    if not _types(values) <= accepted:
        index = next(index for index, value in enumerate(values) if type(value) not in accepted)
        refuse(tensor, f"holds {preview(values[index])}{position(index, shape)}")


def _array(values: list[Any], shape: tuple[int, ...], tensor: Tensor) -> NDArray[Any]:
    dtype = DTYPES[tensor.datatype]
    array = np.empty(len(values), dtype)
    try:
        with np.errstate(over="ignore"):
            for start in range(0, len(values), VALUES_PER_CALL):
                array[start : start + VALUES_PER_CALL] = np.array(
                    values[start : start + VALUES_PER_CALL], dtype
                )
    except OverflowError:
        refuse(tensor, f"holds an integer beyond {tensor.datatype}")
    if dtype.kind == "f" and not is_finite(array):
        index = int(np.argmin(np.isfinite(array)))
        refuse(tensor, f"holds a number beyond {tensor.datatype}{position(index, shape)}")
    return array


def _flatten(parsed: object, tensor: Tensor) -> tuple[list[Any], tuple[int, ...]]:
    """Return the values of nested lists, and the shape of the nesting.

    It goes level by level instead of recursing, because a request may be nested to any depth. NumPy could do
    this in one call, but if a list has a string in it, it converts all values to strings of the same length.
    """
    level: list[Any] = [parsed]
    shape: list[int] = []
    while _types(level) == {list}:
        lengths = set(map(len, level))
        if len(lengths) > 1:
            refuse(tensor, f"is ragged: it has lists of {min(lengths)} and of {max(lengths)} values")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    if not level:
        refuse(tensor, "is an empty list")
    return level, tuple(shape)


def _types(values: list[Any]) -> set[type]:
    types: set[type] = set()
    for start in range(0, len(values), VALUES_PER_CALL):
        types |= set(map(type, values[start : start + VALUES_PER_CALL]))
    return types


def _batch_shape(shape: tuple[int, ...], tensor: Tensor) -> tuple[int, ...]:
    size = tensor.sample_size
    if tensor.fits(shape):
        return (1, *shape)
    if shape == (size,):
        return (1, *tensor.sample_shape)
    if tensor.fits(shape[1:]):
        return shape
    if shape[1:] != (size,):
        refuse(tensor, f"has the shape {list(shape)}")
    return (shape[0], *tensor.sample_shape)
