"""Encodes the outputs of a model to responses: short ones at once, long ones on a thread."""

import asyncio
import time
from collections.abc import Callable

from app.errors import RequestError
from app.http.decoding import Decoder
from app.http.response import compress_response
from app.protocols.messages import Response
from app.serving.predictions import BatchOutputs
from app.serving.service import Service

MAX_INLINE_VALUES = 8192
"""Maximum number of output values that are encoded on the event loop; this takes about a millisecond."""

BYTES_PER_VALUE = 64
"""Maximum memory to encode one output value: as a Python object, and as text."""

UNREAD_WAIT_SECONDS = 1.0
"""How long encoding waits for clients to read earlier responses, if these fill the memory for them."""

Encode = Callable[[BatchOutputs, int], Response]
"""Encodes the outputs of one request; see `DecodedRequest.encode`."""


def encode_outputs(
    encode: Encode, outputs: BatchOutputs, first: int, coding: str | None
) -> Response | Exception:
    """Encode and compress a response.

    Args:
        encode: encodes the outputs in the protocol of the request.
        outputs: of the batch.
        first: index in the batch of the request's first sample.
        coding: the content coding for the response; None for no compression.

    Returns:
        The response, or the error. An error is returned because a thread passes it to the event loop.

    """
    try:
        return compress_response(encode(outputs, first), coding)
    except Exception as error:  # noqa: BLE001 - the caller turns it into a response, and logs a fault
        return error


def encode_on_thread(
    service: Service,
    decoder: Decoder,
    values: int,
    encode_response: Callable[[], Response | Exception],
    on_encoded: Callable[[Response | Exception], None],
) -> None:
    """Encode a long response on a thread, when there is memory for it.

    Args:
        service: has the thread and the memory budgets.
        decoder: of the request; it reserves memory until the request's deadline.
        values: number of output values.
        encode_response: encodes the response; called on the thread.
        on_encoded: called on the event loop with the response or the error.

    """
    loop = asyncio.get_running_loop()

    def run() -> None:
        response: Response | Exception
        service.unread_budget.wait_until_not_exceeded(time.monotonic() + UNREAD_WAIT_SECONDS)
        try:
            with decoder.reserve(values * BYTES_PER_VALUE):
                response = encode_response()
        except RequestError as error:
            response = error
        loop.call_soon_threadsafe(on_encoded, response)

    service.encode_pool.submit(run)
