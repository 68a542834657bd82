"""The Open Inference Protocol over REST, with its binary tensor data extension: POST /v2/models/…/infer.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.protocols import json_size, payload, strings
from app.protocols.inference_request import NO_PARAMETERS, InferenceRequest, Input, Output, decode_request
from app.protocols.messages import (
    JSON,
    MAX_INLINE_DECODE_BYTES,
    OCTETS,
    OK,
    BodyHeaders,
    DecodedRequest,
    Response,
    checked_sample_count,
    without_byte_order_mark,
)
from app.protocols.refusals import MAX_SHOWN_CHARACTERS
from app.runtimes import RUNTIMES
from app.serving.predictions import BatchOutputs
from app.signature import Signature, Tensor
from app.tensors import DTYPES, Arrays

EXTENSIONS = ("binary_tensor_data",)
JSON_LENGTH_HEADER = "inference-header-content-length"
MICROSECONDS = 1_000_000
ALIGNMENT = 8
"""At a multiple of so many bytes, values of all data types are aligned."""

MAX_SHOWN_AXES = 8
"""How many axes of a wrong shape an error message repeats."""


class ProtocolV2:
    """The protocol of POST /v2/models/…/infer."""

    def media_types(self, signature: Signature) -> tuple[str, ...]:  # noqa: ARG002 - they are the same for each model
        """Return JSON, and octets, which some clients send for JSON that is followed by binary tensors."""
        return (JSON, OCTETS)

    def is_quick(self, length: int, head: BodyHeaders, signature: Signature) -> bool:
        """Tell whether a body is quick to decode: binary numbers are, because they are views of the body."""
        has_strings = any(tensor.datatype == "BYTES" for tensor in signature.inputs)
        return (
            length if has_strings or head.json_length is None else head.json_length
        ) <= MAX_INLINE_DECODE_BYTES

    def memory_cost(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> int:
        """Estimate the memory of decoding: JSON from its number of values, binary strings from their bytes.

        Raises:
            TooLarge: the JSON has too many values.

        """
        length = min(len(body) if head.json_length is None else head.json_length, len(body))
        binary = len(body) - length
        has_strings = any(tensor.datatype == "BYTES" for tensor in signature.inputs)
        cost = json_size.memory_cost(bytes(body[:length]), signature, batch_size)
        # Binary numbers are views of the body, or copies when they are not aligned in it.
        return cost + binary * (strings.MEMORY_PER_BYTE if has_strings else int(length % ALIGNMENT != 0))

    def decode(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> DecodedRequest:
        """Decode a body: JSON, and after it the tensors that the JSON declares as binary.

        Raises:
            RequestError: the body is malformed, or does not fit the signature.

        """
        length = head.json_length
        if length is not None and length > len(body):
            raise InvalidInput(f"{JSON_LENGTH_HEADER} is {length}, but the body has only {len(body)} bytes")
        try:
            request = decode_request(
                without_byte_order_mark(body if length is None else memoryview(body)[:length])
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(f"the body is not an inference request: {error}") from None
        binary = memoryview(body)[len(body) if length is None else length :]
        inputs = _inputs(request, binary, signature)
        size = checked_sample_count(inputs, signature, batch_size)
        wanted = _requested_outputs(request, signature)
        timeout = (request.parameters or NO_PARAMETERS).timeout
        return DecodedRequest(
            inputs,
            partial(_encode, signature, size, request.id, wanted),
            timeout / MICROSECONDS if timeout else None,
        )


def server_metadata(name: str, version: str) -> dict[str, Any]:
    """Return the content of the response to GET /v2."""
    return {"name": name, "version": version, "extensions": list(EXTENSIONS)}


def model_metadata(signature: Signature, versions: Sequence[str], runtime: str) -> dict[str, Any]:
    """Return the content of the response to GET /v2/models/…."""

    def describe(tensors: tuple[Tensor, ...]) -> list[dict[str, Any]]:
        return [
            {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
            for tensor in tensors
        ]

    return {
        "name": signature.name,
        "versions": list(versions),
        "platform": RUNTIMES[runtime].platform,
        "inputs": describe(signature.inputs),
        "outputs": describe(signature.outputs),
    }


def _inputs(request: InferenceRequest, binary: memoryview, signature: Signature) -> Arrays:
    known = {tensor.name: tensor for tensor in signature.inputs}
    arrays: Arrays = {}
    for given in request.inputs:
        tensor = known.get(given.name)
        if tensor is None or given.name in arrays:
            problem = "is there twice" if tensor else "is not an input of the model"
            raise InvalidInput(
                f"input {given.name[:MAX_SHOWN_CHARACTERS]!r} {problem}; its inputs are {', '.join(known)}"
            )
        size = (given.parameters or NO_PARAMETERS).binary_data_size
        if size is None:
            arrays[given.name] = _from_json(given, tensor)
        else:
            if size > len(binary):
                _refuse(
                    tensor, f"has binary_data_size {size}, but only {len(binary)} bytes are left in the body"
                )
            arrays[given.name] = _from_binary(given, binary[:size], tensor)
            binary = binary[size:]
    for tensor in signature.inputs:
        if tensor.name not in arrays:
            raise InvalidInput(f"input {tensor.name!r} is missing", tensor=tensor)
    if binary:
        raise InvalidInput(f"{len(binary)} bytes after the last binary tensor do not belong to any tensor")
    # Use the order of the signature, because a runtime may depend on it.
    return {name: arrays[name] for name in known}


def _from_json(given: Input, tensor: Tensor) -> NDArray[Any]:
    _check(given, tensor)
    if given.data is None:
        _refuse(tensor, "has neither data nor binary_data_size")
    array = payload.decode_values(given.data, tensor)
    if array.size != math.prod(given.shape):
        _refuse(tensor, f"has {array.size} values for {_format_shape(given.shape)}")
    if array.ndim > 1 and array.shape != tuple(given.shape):
        _refuse(
            tensor,
            f"has nested data of {_format_shape(list(array.shape))}, but says {given.shape}",
        )
    return _batch(array, given, tensor)


def _from_binary(given: Input, data: memoryview, tensor: Tensor) -> NDArray[Any]:
    _check(given, tensor)
    if given.data is not None:
        _refuse(tensor, "has both data and binary_data_size")
    count = math.prod(given.shape)
    if tensor.datatype == "BYTES":
        try:
            return _batch(strings.unpack(data, count), given, tensor)
        except ValueError as error:
            _refuse(tensor, str(error))
    dtype = DTYPES[tensor.datatype].newbyteorder("<")
    if len(data) != count * dtype.itemsize:
        _refuse(tensor, f"has {len(data)} bytes for {count} values of {dtype.itemsize}")
    # Copy it if it is not aligned: that depends on the length of the JSON, and a runtime may require it.
    return _batch(np.require(np.frombuffer(data, dtype), requirements=["A"]), given, tensor)


def _batch(values: NDArray[Any], given: Input, tensor: Tensor) -> NDArray[Any]:
    """Return a tensor's values with the batch as the first axis."""
    return values.reshape(given.shape if tensor.batched else [1, *given.shape])


def _check(given: Input, tensor: Tensor) -> None:
    if given.datatype != tensor.datatype:
        _refuse(tensor, f"has the datatype {given.datatype[:MAX_SHOWN_CHARACTERS]!r}")
    sample = given.shape[1:] if tensor.batched else given.shape
    if (tensor.batched and not given.shape) or 0 in given.shape or not tensor.fits(tuple(sample)):
        _refuse(tensor, f"has {_format_shape(given.shape)}")


def _requested_outputs(request: InferenceRequest, signature: Signature) -> tuple[tuple[Tensor, bool], ...]:
    """Return the outputs that the response must have, each with whether it is sent as binary data."""
    known = {tensor.name: tensor for tensor in signature.outputs}
    binary_by_default = bool((request.parameters or NO_PARAMETERS).binary_data_output)
    if not request.outputs:
        return tuple((tensor, binary_by_default) for tensor in signature.outputs)
    names = [output.name for output in request.outputs]
    for name in names:
        if name not in known or names.count(name) > 1:
            problem = "is requested twice" if name in known else "is not an output of the model"
            shown = name[:MAX_SHOWN_CHARACTERS]
            raise InvalidInput(f"output {shown!r} {problem}; its outputs are {', '.join(known)}")
    return tuple((known[output.name], _is_binary(output, binary_by_default)) for output in request.outputs)


def _is_binary(output: Output, by_default: bool) -> bool:
    binary = (output.parameters or NO_PARAMETERS).binary_data
    return by_default if binary is None else binary


def _encode(
    signature: Signature,
    size: int,
    identifier: str | None,
    wanted: tuple[tuple[Tensor, bool], ...],
    results: BatchOutputs,
    first: int,
) -> Response:
    arrays = results.arrays(first, size)
    results.check_finite((tensor.name for tensor, is_binary in wanted if not is_binary), first, size)
    outputs: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for tensor, is_binary in wanted:
        array = arrays[tensor.name]
        if not tensor.batched:
            array = array.reshape(array.shape[1:])
        output: dict[str, Any] = {
            "name": tensor.name,
            "shape": list(array.shape),
            "datatype": tensor.datatype,
        }
        if is_binary:
            data = (
                strings.pack(array)
                if tensor.datatype == "BYTES"
                else array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
            )
            output["parameters"] = {"binary_data_size": len(data)}
            tail.append(data)
        else:
            output["data"] = array.ravel().tolist()
        outputs.append(output)
    content: dict[str, Any] = {"model_name": signature.name, "model_version": signature.version}
    if identifier is not None:
        content["id"] = identifier
    json = orjson.dumps({**content, "outputs": outputs})
    if not tail:
        return Response(OK, json)
    return Response(OK, b"".join([json, *tail]), OCTETS, {JSON_LENGTH_HEADER: str(len(json))})


def _format_shape(shape: list[int]) -> str:
    """Return a shape for an error message. A client may send a very long one."""
    more = f", the first of {len(shape)}" if len(shape) > MAX_SHOWN_AXES else ""
    return f"the shape {shape[:MAX_SHOWN_AXES]}{more}"


def _refuse(tensor: Tensor, what: str) -> NoReturn:
    meaning = "the batch or any length" if tensor.batched else "any length"
    raise InvalidInput(
        f"input {tensor.name!r} {what}; expected {tensor.datatype} of shape {list(tensor.shape)}, "
        f"where -1 is {meaning}",
        tensor=tensor,
    )
