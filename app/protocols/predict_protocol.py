"""POST /predict: a JSON list, raw tensors or a picture in, predictions out."""

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
    samples,
    without_mark,
)
from app.serving.predictions import BatchOutputs
from app.signature import Signature
from app.tensors import Arrays

STARTS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"\x1f\x8b": "gzip"}
"""How files begin that are sent by a wrong name: https://mimesniff.spec.whatwg.org/#image-type-pattern-matching-algorithm."""


class PredictProtocol:
    """The codec of /predict."""

    def media_types(self, signature: Signature) -> tuple[str, ...]:
        """Return JSON, octets where the model has one input of numbers, and pictures where it takes them."""
        numbers = len(signature.inputs) == 1 and signature.inputs[0].datatype != "BYTES"
        octets = (OCTETS,) if numbers else ()
        return (JSON, *octets, *(photograph.FORMATS if signature.image else ()))

    def is_quick(self, length: int, head: BodyHeaders, signature: Signature) -> bool:
        """Octets are a view of the body; pictures are decoded."""
        del signature
        if head.content_type == OCTETS:
            return True
        return head.content_type not in photograph.FORMATS and length <= MAX_INLINE_DECODE_BYTES

    def memory_cost(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> int:
        """Return what reading a body takes: of JSON by its values, of a picture by its head.

        Raises:
            TooLarge: it holds more than may be sent.

        """
        if head.content_type == OCTETS:
            return 0
        _check_start(body, head.content_type)
        if head.content_type == JSON:
            return json_size.cost(bytes(body), signature, batch_size)
        assert signature.image is not None  # noqa: S101 - the media type was accepted
        return photograph.cost(body, head.content_type, signature.image, signature.inputs[0])

    def decode(
        self, body: bytes | memoryview, head: BodyHeaders, signature: Signature, batch_size: int
    ) -> DecodedRequest:
        """Read a body by its media type.

        Raises:
            RequestError: it does not fit.

        """
        inputs = _inputs(body, head.content_type, signature, batch_size)
        size = samples(inputs, signature, batch_size)
        return DecodedRequest(inputs, partial(_encode, signature, size))


def _inputs(body: bytes | memoryview, content_type: str, signature: Signature, batch_size: int) -> Arrays:
    if content_type == JSON:
        _check_start(body, content_type)
        return payload.decode(bytes(without_mark(body)), signature, batch_size=batch_size)
    only = signature.inputs[0]
    if content_type == OCTETS:
        return {only.name: payload.octets(body, only)}
    assert signature.image is not None  # noqa: S101 - the media type was accepted
    return {only.name: photograph.decode(body, content_type, signature.image, only)}


def _check_start(body: bytes | memoryview, content_type: str) -> None:
    """See that a body is not plainly something else than its media type says.

    Raises:
        InvalidInput: naming the header that would be right.

    """
    for start, kind in STARTS.items():
        if body[: len(start)] == start and kind != content_type:
            right = "content-encoding: gzip" if kind == "gzip" else f"content-type: {kind}"
            raise InvalidInput(f"the body is {kind}, not {content_type}; send it with {right}")


def _encode(signature: Signature, size: int, answers: BatchOutputs, first: int) -> Response:
    return Response.json(
        {
            "model_name": signature.name,
            "model_version": signature.version,
            "predictions": answers.predictions(first, size),
        }
    )
