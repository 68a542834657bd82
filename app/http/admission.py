"""What the head of a request to inference alone shows to be wrong."""

from http import HTTPStatus

from app.errors import ModelNotReady
from app.http import codings
from app.http.head import RequestHead
from app.http.problems import Problem
from app.protocols.messages import WireProtocol
from app.serving.served_model import ServedModel
from app.settings import Settings
from app.signature import Signature
from app.tensors import DTYPES


def check(head: RequestHead, protocol: WireProtocol, model: ServedModel, settings: Settings) -> None:
    """Refuse what need not be read.

    Raises:
        ModelNotReady: the model is being loaded, or has failed.
        Problem: the body is of a wrong kind or size.

    """
    if model.state != "ready":
        raise ModelNotReady(
            "the model is being loaded" if model.state == "loading" else "the model has failed"
        )
    codings.check(head.content_encodings)
    accepted = protocol.media_types(model.signature)
    if head.content_type not in accepted:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-type {head.content_type!r}; this model takes {', '.join(accepted)}",
            headers={"accept-post": ", ".join(accepted)},
        )
    if head.content_length > settings.max_body_bytes:
        raise too_large(model.signature, settings)


def too_large(signature: Signature, settings: Settings) -> Problem:
    """Return the problem of a body over the limit, with what the limit means in samples."""
    problem = codings.too_large(settings.max_body_bytes)
    if (samples := samples_in(settings.max_body_bytes, signature)) is None:
        return problem
    most = min(samples, settings.batch_size)
    return Problem(
        problem.status, f"{problem.detail}, the limit of a body, which holds {most} samples as raw values"
    )


def samples_in(length: int, signature: Signature) -> int | None:
    """Return how many samples so many bytes hold as raw values; None where samples have no fixed size."""
    size = 0
    for tensor in signature.inputs:
        if tensor.sample_size is None or tensor.datatype == "BYTES":
            return None
        size += tensor.sample_size * DTYPES[tensor.datatype].itemsize
    return length // size
