"""POST /predict: a JSON list, raw tensors or a picture in, predictions out."""

from functools import partial

from app import payload, photograph
from app.messages import JSON, LONG, OCTETS, Answer, Call, Head, samples, without_mark
from app.predictions import Answers
from app.signature import Signature
from app.tensors import Arrays


class Predict:
    """The codec of /predict."""

    route = "/predict"

    def media_types(self, signature: Signature) -> tuple[str, ...]:
        """Return JSON, octets where the model has one input of numbers, and pictures where it takes them."""
        numbers = len(signature.inputs) == 1 and signature.inputs[0].datatype != "BYTES"
        octets = (OCTETS,) if numbers else ()
        return (JSON, *octets, *(photograph.FORMATS if signature.image else ()))

    def is_quick(self, length: int, head: Head, signature: Signature) -> bool:
        """Octets are a view of the body; pictures are decoded."""
        del signature
        if head.content_type == OCTETS:
            return True
        return head.content_type not in photograph.FORMATS and length <= LONG

    def decode(self, body: bytes | memoryview, head: Head, signature: Signature, batch_size: int) -> Call:
        """Read a body by its media type.

        Raises:
            Problem: it does not fit.

        """
        inputs = _inputs(body, head.content_type, signature)
        size = samples(inputs, signature, batch_size)
        return Call(inputs, partial(_encode, signature, size))


def _inputs(body: bytes | memoryview, content_type: str, signature: Signature) -> Arrays:
    if content_type == JSON:
        return payload.decode(bytes(without_mark(body)), signature)
    only = signature.inputs[0]
    if content_type == OCTETS:
        return {only.name: payload.octets(body, only)}
    assert signature.image is not None  # noqa: S101 - the media type was accepted
    return {only.name: photograph.decode(body, content_type, signature.image, only)}


def _encode(signature: Signature, size: int, answers: Answers, first: int) -> Answer:
    return Answer.json(
        {
            "model_name": signature.name,
            "model_version": signature.version,
            "predictions": answers.predictions(first, size),
        }
    )
