"""POST /v2/models/…/infer: the Open Inference Protocol over REST, with its binary tensor data extension.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, NoReturn

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.protocols import json_size, payload, strings
from app.protocols.messages import (
    JSON,
    MAX_INLINE_DECODE_BYTES,
    OCTETS,
    OK,
    BodyHeaders,
    DecodedRequest,
    Response,
    samples,
    without_mark,
)
from app.runtimes import RUNTIMES
from app.serving.predictions import BatchOutputs
from app.signature import Signature, Tensor
from app.tensors import DTYPES, Arrays

EXTENSIONS = ("binary_tensor_data",)
JSON_LENGTH = "inference-header-content-length"
MICROSECONDS = 1_000_000
ALIGNED = 8
"""Bytes at whose multiples values of every type are aligned."""

SHOWN_AXES = 8
"""Axes of a wrong shape that are repeated to the client."""

Natural = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Parameters(msgspec.Struct):
    """What of the parameters means something here; the rest is the client's own affair."""

    binary_data_size: Natural | None = None
    binary_data: bool | None = None
    binary_data_output: bool | None = None
    timeout: Natural | None = None
    """Microseconds, 0 for none; from Triton's schedule policy extension."""


_NONE = _Parameters()


# What is optional may be null: clients that write their requests with Pydantic send it so.
class _Input(msgspec.Struct):
    name: str
    shape: list[Natural]
    datatype: str
    parameters: _Parameters | None = None
    data: Any = None


class _Output(msgspec.Struct):
    name: str
    parameters: _Parameters | None = None


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    parameters: _Parameters | None = None
    outputs: list[_Output] | None = None


_DECODER = msgspec.json.Decoder(_Request)


class ProtocolV2:
    """The codec of /v2/models/…/infer."""

    def media_types(self, signature: Signature) -> tuple[str, ...]:  # noqa: ARG002 - the same for each model
        """Return JSON, and octets, as which JSON followed by tensors may be sent."""
        return (JSON, OCTETS)

    def is_quick(self, length: int, head: BodyHeaders, signature: Signature) -> bool:
        """Binary tensors are views of the body, unless they hold strings."""
        strings_in = any(tensor.datatype == "BYTES" for tensor in signature.inputs)
        return (
            length if strings_in or head.json_length is None else head.json_length
        ) <= MAX_INLINE_DECODE_BYTES

    def memory_cost(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> int:
        """Return what reading a body takes: its JSON by its values, binary strings by their bytes.

        Raises:
            TooLarge: it holds more than may be sent.

        """
        length = min(len(body) if head.json_length is None else head.json_length, len(body))
        binary = len(body) - length
        has_strings = any(tensor.datatype == "BYTES" for tensor in signature.inputs)
        cost = json_size.cost(bytes(body[:length]), signature, batch_size)
        # Numbers are views of the body, or copies of it where it does not hold them aligned.
        return cost + binary * (strings.BYTES_A_BYTE if has_strings else int(length % ALIGNED != 0))

    def decode(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> DecodedRequest:
        """Read a body: JSON, then the tensors that it says are binary.

        Raises:
            RequestError: it does not fit.

        """
        length = head.json_length
        if length is not None and length > len(body):
            raise _wrong(f"{JSON_LENGTH} is {length}, and the body has {len(body)} bytes")
        try:
            request = _DECODER.decode(without_mark(body if length is None else memoryview(body)[:length]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _wrong(f"the body is no inference request: {error}") from None
        binary = memoryview(body)[len(body) if length is None else length :]
        inputs = _inputs(request, binary, signature)
        size = samples(inputs, signature, batch_size)
        wanted = _wanted(request, signature)
        timeout = (request.parameters or _NONE).timeout
        return DecodedRequest(
            inputs,
            partial(_encode, signature, size, request.id, wanted),
            timeout / MICROSECONDS if timeout else None,
        )


def server_metadata(name: str, version: str) -> dict[str, Any]:
    """Return the answer of GET /v2."""
    return {"name": name, "version": version, "extensions": list(EXTENSIONS)}


def model_metadata(signature: Signature, versions: Sequence[str], runtime: str) -> dict[str, Any]:
    """Return the answer of GET /v2/models/…."""

    def tensors(of: tuple[Tensor, ...]) -> list[dict[str, Any]]:
        return [{"name": one.name, "datatype": one.datatype, "shape": list(one.shape)} for one in of]

    return {
        "name": signature.name,
        "versions": list(versions),
        "platform": RUNTIMES[runtime].platform,
        "inputs": tensors(signature.inputs),
        "outputs": tensors(signature.outputs),
    }


def _inputs(request: _Request, binary: memoryview, signature: Signature) -> Arrays:
    known = {tensor.name: tensor for tensor in signature.inputs}
    arrays: Arrays = {}
    for given in request.inputs:
        tensor = known.get(given.name)
        if tensor is None or given.name in arrays:
            twice = "is there twice" if tensor else "is none of the model's"
            raise _wrong(f"input {given.name[: payload.SHOWN]!r} {twice}; its inputs are {', '.join(known)}")
        size = (given.parameters or _NONE).binary_data_size
        if size is None:
            arrays[given.name] = _from_json(given, tensor)
        else:
            if size > len(binary):
                _refuse(tensor, f"has binary_data_size {size}, and {len(binary)} bytes are left of the body")
            arrays[given.name] = _from_binary(given, binary[:size], tensor)
            binary = binary[size:]
    for tensor in signature.inputs:
        if tensor.name not in arrays:
            raise InvalidInput(f"input {tensor.name!r} is missing", tensor=tensor)
    if binary:
        raise _wrong(f"{len(binary)} bytes after the last binary tensor belong to none")
    # In the signature's order, for a runtime may go by it.
    return {name: arrays[name] for name in known}


def _from_json(given: _Input, tensor: Tensor) -> NDArray[Any]:
    _check(given, tensor)
    if given.data is None:
        _refuse(tensor, "has neither data nor binary_data_size")
    array = payload.values(given.data, tensor)
    if array.size != math.prod(given.shape):
        _refuse(tensor, f"has {array.size} values for {_told(given.shape)}")
    if array.ndim > 1 and array.shape != tuple(given.shape):
        _refuse(tensor, f"has {_told(list(array.shape))} by the nesting of its data, and says {given.shape}")
    return _batch(array, given, tensor)


def _from_binary(given: _Input, data: memoryview, tensor: Tensor) -> NDArray[Any]:
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
    # Where it starts in the body depends on the JSON before it, and a runtime may need it aligned.
    return _batch(np.require(np.frombuffer(data, dtype), requirements=["A"]), given, tensor)


def _batch(values: NDArray[Any], given: _Input, tensor: Tensor) -> NDArray[Any]:
    """Return a tensor's values with the batch as the first axis."""
    return values.reshape(given.shape if tensor.batched else [1, *given.shape])


def _check(given: _Input, tensor: Tensor) -> None:
    if given.datatype != tensor.datatype:
        _refuse(tensor, f"has the datatype {given.datatype[: payload.SHOWN]!r}")
    sample = given.shape[1:] if tensor.batched else given.shape
    if (tensor.batched and not given.shape) or 0 in given.shape or not tensor.fits(tuple(sample)):
        _refuse(tensor, f"has {_told(given.shape)}")


def _wanted(request: _Request, signature: Signature) -> tuple[tuple[Tensor, bool], ...]:
    """Return the outputs to answer with, each with whether it goes as binary data."""
    known = {tensor.name: tensor for tensor in signature.outputs}
    everything = bool((request.parameters or _NONE).binary_data_output)
    if not request.outputs:
        return tuple((tensor, everything) for tensor in signature.outputs)
    names = [output.name for output in request.outputs]
    for name in names:
        if name not in known or names.count(name) > 1:
            twice = "is asked for twice" if name in known else "is none of the model's"
            raise _wrong(f"output {name[: payload.SHOWN]!r} {twice}; its outputs are {', '.join(known)}")
    return tuple(
        (known[output.name], everything if (own := (output.parameters or _NONE).binary_data) is None else own)
        for output in request.outputs
    )


def _encode(
    signature: Signature,
    size: int,
    identifier: str | None,
    wanted: tuple[tuple[Tensor, bool], ...],
    answers: BatchOutputs,
    first: int,
) -> Response:
    arrays = answers.arrays(first, size)
    answers.check_finite((tensor.name for tensor, is_binary in wanted if not is_binary), first, size)
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
    return Response(OK, b"".join([json, *tail]), OCTETS, {JSON_LENGTH: str(len(json))})


def _told(shape: list[int]) -> str:
    more = f", the first of {len(shape)}" if len(shape) > SHOWN_AXES else ""
    return f"the shape {shape[:SHOWN_AXES]}{more}"


def _refuse(tensor: Tensor, what: str) -> NoReturn:
    meaning = "the batch or any length" if tensor.batched else "any length"
    raise InvalidInput(
        f"input {tensor.name!r} {what}; expected {tensor.datatype} of shape {list(tensor.shape)}, "
        f"-1 being {meaning}",
        tensor=tensor,
    )


def _wrong(detail: str) -> InvalidInput:
    return InvalidInput(detail)
