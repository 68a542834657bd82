"""One inference request and its response, on /predict and on /v2/models/…/infer.

The transport creates an exchange from the head of a request, passes it the body as it arrives, and gets one
response through a callback. A request that can be refused from its head alone is answered before its body is
read.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from app.errors import DeadlineExceeded, RequestError
from app.http import admission, problems
from app.http.decoding import Decoder
from app.http.encoding import MAX_INLINE_VALUES, encode_on_thread, encode_outputs
from app.http.head import RequestHead
from app.http.problems import Problem
from app.http.record import Record
from app.http.routes import Route
from app.protocols.messages import DecodedRequest, Response
from app.serving.budget import Reservation
from app.serving.decode_pool import DecodeJob
from app.serving.metrics import CLIENT_CLOSED_REQUEST
from app.serving.predictions import BatchOutputs
from app.serving.queue_slots import QueueSlot
from app.serving.queued_request import QueuedRequest
from app.serving.received_bytes import Body
from app.serving.service import Service

MIN_DIRECT_BYTES = 64 * 1024
"""Minimum number of missing bytes for which a buffer of the whole body is allocated; see `body_buffer`."""

MAX_PREALLOCATION_RATIO = 16
"""Allocate a whole body only when 1/16 of it has arrived, so that a header alone allocates nothing.

With huge pages, even memory that is not written yet may take some:
https://www.kernel.org/doc/html/latest/admin-guide/mm/transhuge.html
"""

EMPTY_BUFFER = memoryview(b"")


class Exchange:
    """One inference request, from its head to its response. Lives on the event loop."""

    __slots__ = (
        "_body",
        "_deadline",
        "_decode_job",
        "_decoder",
        "_encode",
        "_finished",
        "_head",
        "_is_slow_to_encode",
        "_model",
        "_protocol",
        "_queue_slot",
        "_queued_request",
        "_record",
        "_reply",
        "_reservation",
        "_service",
    )

    def __init__(
        self,
        service: Service,
        route: Route,
        headers: Mapping[bytes, bytes],
        reply: Callable[[Response], None],
    ) -> None:
        """Check the head of a request, and answer at once if the request is refused.

        Args:
            service: has the models, the threads and the memory budgets.
            route: the protocol and the model for the request's path.
            headers: the request's headers that are in `head.HEADERS`; names in lower case.
            reply: called once with the response, unless `cancel` is called before.

        """
        self._service = service
        path, self._protocol, self._model = route
        self._head = RequestHead(headers)
        self._reply: Callable[[Response], None] | None = reply
        self._body = Body(service.received_bytes)
        self._queue_slot: QueueSlot | None = None
        self._decode_job: DecodeJob | None = None
        self._reservation: Reservation | None = None
        """Memory of the decoded request; later that of the outputs, while a long response is encoded."""
        self._queued_request: QueuedRequest | None = None
        self._decoder: Decoder | None = None
        self._finished = False
        self._record = Record(self._model, path, headers, service.tracing)
        try:
            self._admit()
        except (Problem, RequestError) as error:
            self.refuse(error)

    @property
    def finished(self) -> bool:
        """Whether the request was answered or cancelled."""
        return self._finished

    @property
    def buffered_bytes(self) -> int:
        """Always 0: `receive` processes every chunk at once."""
        return 0

    def receive(self, chunk: bytes) -> None:
        """Accept the next part of the body."""
        if self._finished:
            return
        try:
            self._body.add(chunk)
            if self._body.length > self._service.settings.max_body_bytes:
                raise admission.body_too_large(self._model.signature, self._service.settings)
        except (Problem, RequestError) as error:
            self.refuse(error)

    def body_buffer(self) -> memoryview:
        """Return the buffer into which the rest of the body is to be received.

        Returns:
            A buffer of exactly the missing bytes. An empty one if the rest is to be passed to `receive`:
            because too little has arrived, little is missing, the length is unknown, or the request is
            finished.

        """
        received, length = self._body.length, self._head.content_length
        is_short = length - received < MIN_DIRECT_BYTES
        if self._finished or is_short or length > received * MAX_PREALLOCATION_RATIO:
            return EMPTY_BUFFER
        try:
            return self._body.move_into(np.empty(length, np.uint8).data)
        except (Problem, RequestError) as error:
            self.refuse(error)
            return EMPTY_BUFFER

    def complete(self) -> None:
        """Decode the body, which has been received completely."""
        if self._finished:
            return
        body = self._body.content
        try:
            decoder = self._decoder
            assert decoder is not None  # noqa: S101 - set by _admit, or the request is finished
            if decoder.is_quick(len(body)):
                self._enqueue(decoder.decode(body, on_thread=False))
            else:
                self._decode_on_thread(decoder, body)
        except (Problem, RequestError) as error:
            self.refuse(error)

    def cancel(self) -> None:
        """Stop and release everything: the client has disconnected."""
        if not self._finished:
            self._finish(CLIENT_CLOSED_REQUEST)

    def refuse(self, error: Problem | RequestError) -> None:
        """Answer with an error."""
        if not self._finished:
            self._respond(problems.to_response(problems.from_error(error), self._head.request_id))

    def _admit(self) -> None:
        """Check the head, and reserve a slot in the model's queue.

        Raises:
            RequestError: the model is not ready, its queue or the memory is full, or a header is invalid.
            Problem: the content type, content encoding or size of the body is not accepted.

        """
        service, head = self._service, self._head
        admission.check_head(head, self._protocol, self._model, service.settings)
        service.received_bytes.add(0, announced=head.content_length)
        # Models may compute outputs faster than these are encoded: refuse while too many wait for that.
        service.computed_budget.check_not_exceeded()
        timeout_seconds = service.settings.request_timeout_seconds
        if (client_timeout := head.timeout_seconds) is not None:
            timeout_seconds = min(timeout_seconds, client_timeout)
        self._deadline = time.monotonic() + timeout_seconds
        decoder = self._decoder = Decoder(
            protocol=self._protocol,
            head=head,
            signature=self._model.signature,
            settings=service.settings,
            budget=service.budget,
            deadline=self._deadline,
        )
        is_quick = decoder.is_quick(head.content_length)
        decode_seconds = 0 if is_quick else service.decode_pool.seconds_ahead(self._model)
        self._queue_slot = self._model.batcher.admit(timeout_seconds, decode_seconds)

    def _decode_on_thread(self, decoder: Decoder, body: bytes | memoryview) -> None:
        """Decode the body on a thread of the decode pool.

        Raises:
            Overloaded: the body came so late that the request's queue slot was given to another request.

        """
        assert self._queue_slot is not None  # noqa: S101 - set by _admit, or the request is finished
        self._model.batcher.confirm(self._queue_slot)
        decode = partial(decoder.decode, body, on_thread=True)
        expire = partial(self._fail, DeadlineExceeded())
        self._decode_job = DecodeJob(self._deadline, decode, self._enqueue, expire)
        self._service.decode_pool.submit(self._model, self._decode_job)

    def _enqueue(self, result: tuple[DecodedRequest, Reservation] | Exception) -> None:
        """Put the decoded request into the model's queue."""
        self._decode_job = None
        if isinstance(result, Exception):
            self._fail(result)
            return
        decoded, reservation = result
        if self._finished:
            reservation.release()
            return
        self._encode, self._reservation = decoded.encode, reservation
        self._is_slow_to_encode = decoded.is_slow_to_encode
        deadline = self._deadline
        if decoded.timeout_seconds is not None:
            deadline = min(deadline, time.monotonic() + decoded.timeout_seconds)
        queued = self._queued_request = QueuedRequest(decoded.inputs, deadline, self._encode_outputs)
        self._model.batcher.submit(queued, self._queue_slot)

    def _encode_outputs(self, outputs: BatchOutputs | Exception, first: int) -> None:
        """Encode the response.

        Args:
            outputs: of the batch that the request was part of, or the error of the model.
            first: index in the batch of the request's first sample.

        """
        if isinstance(outputs, Exception):
            self._fail(outputs)
            return
        encode = partial(encode_outputs, self._encode, outputs, first, self._head.response_coding)
        if outputs.value_count <= MAX_INLINE_VALUES and not self._is_slow_to_encode:
            self._respond_or_fail(encode())
            return
        # The inputs are not needed any more: release their memory before the response takes some.
        self._release()
        self._reservation = self._service.computed_budget.reserve_unchecked(outputs.nbytes)
        if self._is_slow_to_encode:
            # A step after the model may run for long, and must end at the deadline.
            expire = partial(self._fail, DeadlineExceeded())
            self._decode_job = DecodeJob(self._deadline, encode, self._respond_or_fail, expire)
            self._service.decode_pool.submit(self._model, self._decode_job)
            return
        assert self._decoder is not None  # noqa: S101 - the request was admitted
        encode_on_thread(self._service, self._decoder, outputs.value_count, encode, self._respond_or_fail)

    def _respond_or_fail(self, response: Response | Exception) -> None:
        if isinstance(response, Exception):
            self._fail(response)
        else:
            self._respond(response)

    def _fail(self, error: Exception) -> None:
        """Answer with an error of any kind, and log it if it is a fault of the server."""
        if self._finished:
            return
        if not isinstance(error, Problem):
            error = self._service.failures.to_request_error(error, self._model, self._record.context())
        self.refuse(error)

    def _respond(self, response: Response) -> None:
        if self._finished:
            return
        reply = self._reply
        self._finish(response.status, response.reason, response.detail)
        if reply is not None:
            reply(response)

    def _finish(self, status: int, reason: str | None = None, detail: str | None = None) -> None:
        self._finished = True
        self._body.release()
        self._release()
        self._reply = None
        if self._decoder is not None:
            self._decoder.cancelled = True
        self._record.end(status, reason, detail)

    def _release(self) -> None:
        """Release the request's decode job, its place in the queue, and its memory."""
        if self._decode_job is not None:
            self._service.decode_pool.cancel(self._model, self._decode_job)
        if self._queued_request is not None:
            self._model.batcher.cancel(self._queued_request)
        if self._queue_slot is not None:
            self._model.batcher.release(self._queue_slot)
        if self._reservation is not None:
            self._reservation.release()
        # Break the reference cycle, so that the request is freed at once and not by the garbage collector.
        self._decode_job = self._queued_request = self._queue_slot = self._reservation = None
