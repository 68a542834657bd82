"""The protocol of POST /predict: it takes a JSON list, raw values or a picture, and returns predictions."""

from functools import partial

from app.errors import InvalidInput
from app.protocols import json_size, payload, photograph
from app.protocols.messages import (
    JSON,
    MAX_INLINE_DECODE_BYTES,
    OCTETS,
    BodyHeaders,
    DecodedRequest,
    Response,
    checked_sample_count,
    without_byte_order_mark,
)
from app.serving.predictions import BatchOutputs
from app.signature import Signature
from app.tensors import Arrays

FILE_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"\x1f\x8b": "gzip"}
"""The first bytes of files that clients often send with a wrong content-type.

https://mimesniff.spec.whatwg.org/#image-type-pattern-matching-algorithm
"""


class PredictProtocol:
    """The protocol of POST /predict."""

    def media_types(self, signature: Signature) -> tuple[str, ...]:
        """Return JSON, octets for a single input of numbers, and pictures if the model takes them."""
        has_one_input_of_numbers = len(signature.inputs) == 1 and signature.inputs[0].datatype != "BYTES"
        octets = (OCTETS,) if has_one_input_of_numbers else ()
        return (JSON, *octets, *(photograph.FORMATS if signature.image else ()))

    def is_quick(self, length: int, head: BodyHeaders, signature: Signature) -> bool:
        """Tell whether a body is quick to decode: octets always are, pictures never, JSON if it is short."""
        del signature
        if head.content_type == OCTETS:
            return True
        return head.content_type not in photograph.FORMATS and length <= MAX_INLINE_DECODE_BYTES

    def memory_cost(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> int:
        """Estimate the memory of decoding: JSON from its number of values, a picture from its header.

        Raises:
            InvalidInput: the body is of another type than its content-type says.
            TooLarge: the body has too many values, pixels or parts.

        """
        if head.content_type == OCTETS:
            return 0
        _check_start(body, head.content_type)
        if head.content_type == JSON:
            return json_size.memory_cost(bytes(body), signature, batch_size)
        assert signature.image is not None  # noqa: S101 - the media type was checked before
        return photograph.memory_cost(body, head.content_type, signature.image, signature.inputs[0])

    def decode(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> DecodedRequest:
        """Decode a body according to its media type.

        Raises:
            RequestError: the body is malformed, or does not fit the signature.

        """
        inputs = _inputs(body, head.content_type, signature, batch_size)
        size = checked_sample_count(inputs, signature, batch_size)
        return DecodedRequest(inputs, partial(_encode, signature, size))


def _inputs(body: bytes | memoryview, content_type: str, signature: Signature, batch_size: int) -> Arrays:
    if content_type == JSON:
        _check_start(body, content_type)
        return payload.decode(bytes(without_byte_order_mark(body)), signature, batch_size=batch_size)
    tensor = signature.inputs[0]
    if content_type == OCTETS:
        return {tensor.name: payload.decode_octets(body, tensor)}
    assert signature.image is not None  # noqa: S101 - the media type was checked before
    return {tensor.name: photograph.decode(body, content_type, signature.image, tensor)}


def _check_start(body: bytes | memoryview, content_type: str) -> None:
    """Check that the first bytes of a body do not belong to another type than its media type.

    Raises:
        InvalidInput: they do. The message names the right header.

    """
    for start, kind in FILE_SIGNATURES.items():
        if body[: len(start)] == start and kind != content_type:
            right = "content-encoding: gzip" if kind == "gzip" else f"content-type: {kind}"
            raise InvalidInput(f"the body is {kind}, not {content_type}; send it with {right}")


def _encode(signature: Signature, size: int, outputs: BatchOutputs, first: int) -> Response:
    return predictions_response(signature, outputs.predictions(first, size))


def predictions_response(signature: Signature, predictions: object) -> Response:
    """Return the response with the predictions of one request.

    Args:
        signature: of the model.
        predictions: a list with a prediction for each sample, or what orjson can encode in its place.

    """
    content = {"model_name": signature.name, "model_version": signature.version, "predictions": predictions}
    return Response.json(content)
