"""Checks of an inference request that need only its head (request line and headers), not its body."""

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


def check_head(head: RequestHead, protocol: WireProtocol, model: ServedModel, settings: Settings) -> None:
    """Check that a request can be accepted, before its body is read.

    Raises:
        ModelNotReady: the model is being loaded, or has failed.
        Problem: 415 for an unsupported content type or content encoding, 413 for a body that is too large.

    """
    if model.state != "ready":
        raise ModelNotReady(
            "the model is being loaded" if model.state == "loading" else "the model has failed"
        )
    codings.check_supported(head.content_encodings)
    accepted = protocol.media_types(model.signature)
    if head.content_type not in accepted:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content-type {head.content_type!r} is not supported; this model accepts {', '.join(accepted)}",
            headers={"accept-post": ", ".join(accepted)},
        )
    if head.content_length > settings.max_body_bytes:
        raise body_too_large(model.signature, settings)


def body_too_large(signature: Signature, settings: Settings) -> Problem:
    """Return the 413 problem for a body over the limit; its text also gives the limit in samples."""
    problem = codings.body_too_large(settings.max_body_bytes)
    samples = raw_samples_within(settings.max_body_bytes, signature)
    if samples is None:
        return problem
    max_samples = min(samples, settings.batch_size)
    return Problem(
        problem.status,
        f"{problem.detail}, the limit for a request body; "
        f"a body of raw values can have at most {max_samples} samples",
    )


def raw_samples_within(byte_limit: int, signature: Signature) -> int | None:
    """Return how many samples of raw values fit into `byte_limit` bytes.

    Returns:
        The number of samples; None if the samples of the model have no fixed size in bytes.

    """
    sample_bytes = 0
    for tensor in signature.inputs:
        if tensor.sample_size is None or tensor.datatype == "BYTES":
            return None
        sample_bytes += tensor.sample_size * DTYPES[tensor.datatype].itemsize
    return byte_limit // sample_bytes
