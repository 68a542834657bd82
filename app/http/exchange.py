"""One request to inference and its answer, whatever carries them: /predict and /v2/models/…/infer.

A transport opens an exchange with a request's head, gives it the body as it arrives, and is called back once
with the answer. A request that is refused by its head is answered before its body is read.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from app.errors import DeadlineExceeded, RequestError
from app.http import admission, problems
from app.http.decoding import Decoder
from app.http.head import RequestHead
from app.http.problems import Problem
from app.http.record import Record
from app.http.response import compressed
from app.http.routes import Route
from app.protocols.messages import DecodedRequest, Response
from app.serving.budget import Reservation
from app.serving.decode_pool import DecodeJob
from app.serving.metrics import CLIENT_CLOSED_REQUEST
from app.serving.places import QueueSlot
from app.serving.predictions import BatchOutputs
from app.serving.received import Body
from app.serving.service import Service
from app.serving.work import QueuedRequest

MIN_DIRECT_BYTES = 64 * 1024
"""Bytes of a body that must be missing for it to be read straight into its place."""

MAX_INLINE_ENCODE_VALUES = 8192
"""Most values of an answer that is encoded on the event loop; it takes about a millisecond."""

BYTES_PER_VALUE = 64
"""What a value of an answer takes at most while it is encoded: as an object, and as text."""

READ_SECONDS = 1.0
"""How long a long answer waits for clients to read those before it, where these fill their memory."""

MAX_PREALLOCATION_RATIO = 16
"""Allocate a whole body only when 1/16 of it has arrived, so that a header alone allocates nothing.

With huge pages, even memory that is not written yet may take some:
https://www.kernel.org/doc/html/latest/admin-guide/mm/transhuge.html
"""

EMPTY_BUFFER = memoryview(b"")


class Exchange:
    """A request on its way to its answer."""

    __slots__ = (
        "_body",
        "_codec",
        "_deadline",
        "_decoder",
        "_encode",
        "_head",
        "_hold",
        "_is_slow_to_encode",
        "_model",
        "_over",
        "_place",
        "_reading",
        "_record",
        "_reply",
        "_service",
        "_work",
    )

    def __init__(
        self,
        service: Service,
        route: Route,
        headers: Mapping[bytes, bytes],
        reply: Callable[[Response], None],
    ) -> None:
        """Take a request's head. What it alone shows to be wrong is answered at once.

        Args:
            service: what answers.
            route: the protocol and the model that answer at the request's path.
            headers: those of `head.HEADERS` that the request has, names in small letters.
            reply: takes the answer.

        """
        self._service = service
        path, self._codec, self._model = route
        self._head = RequestHead(headers)
        self._reply: Callable[[Response], None] | None = reply
        self._body = Body(service.received)
        self._place: QueueSlot | None = None
        self._reading: DecodeJob | None = None
        self._hold: Reservation | None = None
        """Of the decoded body."""
        self._work: QueuedRequest | None = None
        self._decoder: Decoder | None = None
        self._over = False
        self._record = Record(self._model, path, headers, service.tracing)
        try:
            self._admit()
        except (Problem, RequestError) as error:
            self.refuse(error)

    @property
    def over(self) -> bool:
        """Whether it is answered, or nobody waits any more."""
        return self._over

    @property
    def waiting(self) -> int:
        """Nothing: what is received is taken."""
        return 0

    def receive(self, chunk: bytes) -> None:
        """Take a part of the body."""
        if self._over:
            return
        try:
            self._body.add(chunk)
            if self._body.length > self._service.settings.max_body_bytes:
                raise admission.too_large(self._model.signature, self._service.settings)
        except (Problem, RequestError) as error:
            self.refuse(error)

    def body_buffer(self) -> memoryview:
        """Return where the rest of the body is to be written, rather than received; then it is complete.

        Returns:
            No room where too little has come, little is missing, its length is unknown or nobody wants it.

        """
        received, length = self._body.length, self._head.content_length
        if self._over or length - received < MIN_DIRECT_BYTES or length > received * MAX_PREALLOCATION_RATIO:
            return EMPTY_BUFFER
        try:
            return self._body.grow(np.empty(length, np.uint8).data)
        except (Problem, RequestError) as error:
            self.refuse(error)
            return EMPTY_BUFFER

    def complete(self) -> None:
        """Say that the body is whole."""
        if self._over:
            return
        body = self._body.content
        try:
            decoder = self._decoder
            assert decoder is not None  # noqa: S101 - it was admitted
            if decoder.is_quick(len(body)):
                self._submit(decoder.read(body, wait=False))
            else:
                self._read_later(decoder, body)
        except (Problem, RequestError) as error:
            self.refuse(error)

    def _read_later(self, decoder: Decoder, body: bytes | memoryview) -> None:
        """Have the body read on a thread.

        Raises:
            Overloaded: its place was given to others.

        """
        assert self._place is not None  # noqa: S101 - it was admitted
        self._model.batcher.keep(self._place)
        read = partial(decoder.read, body, wait=True)
        self._reading = DecodeJob(self._deadline, read, self._submit, partial(self._fail, DeadlineExceeded()))
        self._service.readers.submit(self._model, self._reading)

    def cancel(self) -> None:
        """Forget the request: its client is gone."""
        if not self._over:
            self._end(CLIENT_CLOSED_REQUEST)

    def refuse(self, error: Problem | RequestError) -> None:
        """Answer with an error that the transport has found."""
        if not self._over:
            self._finish(problems.response(problems.of(error), self._head.request_id))

    def _admit(self) -> None:
        """Refuse what need not be read.

        Raises:
            RequestError: no model is ready, or the queue is full.
            Problem: the body is of a wrong kind or size.

        """
        service, head = self._service, self._head
        admission.check(head, self._codec, self._model, service.settings)
        service.received.take(0, announced=head.content_length)
        # Answers are computed faster than they are encoded.
        service.computed.check()
        seconds = service.settings.request_timeout_seconds
        if (own := head.timeout_seconds) is not None:
            seconds = min(seconds, own)
        self._deadline = time.monotonic() + seconds
        decoder = self._decoder = Decoder(
            protocol=self._codec,
            head=head,
            signature=self._model.signature,
            settings=service.settings,
            budget=service.budget,
            deadline=self._deadline,
        )
        quick = decoder.is_quick(head.content_length)
        before = 0 if quick else service.readers.seconds_ahead(self._model)
        self._place = self._model.batcher.admit(seconds, before)

    def _submit(self, read: tuple[DecodedRequest, Reservation] | Exception) -> None:
        self._reading = None
        if isinstance(read, Exception):
            if not self._over:
                self._fail(read)
            return
        decoded, hold = read
        if self._over:
            hold.release()
            return
        self._encode, self._hold = decoded.encode, hold
        self._is_slow_to_encode = decoded.is_slow_to_encode
        deadline = self._deadline
        if decoded.timeout_seconds is not None:
            deadline = min(deadline, time.monotonic() + decoded.timeout_seconds)
        work = self._work = QueuedRequest(decoded.inputs, deadline, self._answered)
        self._model.batcher.submit(work, self._place)

    def _answered(self, result: BatchOutputs | Exception, first: int) -> None:
        if isinstance(result, Exception):
            self._fail(result)
            return
        if self._is_slow_to_encode:
            self._encode_in_pool(result, first)
            return
        if result.values <= MAX_INLINE_ENCODE_VALUES:
            self._finish_or_fail(self._encoded(result, first))
            return
        # The inputs are not needed any more, and the answer needs memory.
        self._give_back()
        self._hold = self._service.computed.hold(result.nbytes)
        loop, decoder = asyncio.get_running_loop(), self._decoder
        assert decoder is not None  # noqa: S101 - it was admitted

        def encode() -> None:
            response: Response | Exception
            self._service.unread.wait(time.monotonic() + READ_SECONDS)
            try:
                with decoder.take(result.values * BYTES_PER_VALUE):
                    response = self._encoded(result, first)
            except RequestError as error:
                response = error
            loop.call_soon_threadsafe(self._finish_or_fail, response)

        self._service.writers.submit(encode)

    def _encode_in_pool(self, result: BatchOutputs, first: int) -> None:
        """Have an answer encoded by the threads that decode bodies, which give up at the deadline."""
        self._give_back()
        self._hold = self._service.computed.hold(result.nbytes)
        encode = partial(self._encoded, result, first)
        expire = partial(self._fail, DeadlineExceeded())
        self._reading = DecodeJob(self._deadline, encode, self._finish_or_fail, expire)
        self._service.readers.submit(self._model, self._reading)

    def _encoded(self, result: BatchOutputs, first: int) -> Response | Exception:
        try:
            return compressed(self._encode(result, first), self._head.coding)
        except Exception as error:  # noqa: BLE001 - told to the client, and logged where it is our fault
            return error

    def _finish_or_fail(self, response: Response | Exception) -> None:
        if self._over:
            return
        if isinstance(response, Exception):
            self._fail(response)
        else:
            self._finish(response)

    def _fail(self, error: Exception) -> None:
        if not self._over:
            if not isinstance(error, Problem):
                error = self._service.failed(error, self._model, self._record.context())
            self.refuse(error)

    def _finish(self, response: Response) -> None:
        if self._over:
            return
        reply = self._reply
        self._end(response.status, response.reason, response.detail)
        if reply is not None:
            reply(response)

    def _give_back(self) -> None:
        """Release what the request still holds of the queue and of the memory."""
        if self._reading is not None:
            self._service.readers.cancel(self._model, self._reading)
        if self._work is not None:
            self._model.batcher.cancel(self._work)
        if self._place is not None:
            self._model.batcher.release(self._place)
        if self._hold is not None:
            self._hold.release()
        # Break the reference cycle, so that the request is freed at once and not by the garbage collector.
        self._reading = self._work = self._place = self._hold = None

    def _end(self, code: int, reason: str | None = None, detail: str | None = None) -> None:
        self._over = True
        self._body.drop()
        self._give_back()
        self._reply = None
        if self._decoder is not None:
            self._decoder.wanted = False
        self._record.end(code, reason, detail)
