"""One request to inference and its answer, whatever carries them: /predict and /v2/models/…/infer.

A transport opens an exchange with a request's head, gives it the body as it arrives, and is called back with
the answer, once: possibly before the body is there, for what is not to be answered need not be read.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

import numpy as np

from app import messages
from app.batching import Work
from app.messages import IDENTITY, WINDOW_BITS, Answer, Call, Codec, Head
from app.metrics import CLIENT_CLOSED_REQUEST
from app.predictions import Answers
from app.problems import Problem
from app.runtimes import InputRefused
from app.served_model import ServedModel
from app.service import Service

SHORT = 64 * 1024
"""Bytes of a body below which it is given in pieces."""

BELIEVED = 16
"""A body takes at most so many times the memory of what has come of it: an announcement alone takes none.

Not even where untouched memory takes some, in huge pages:
https://www.kernel.org/doc/html/latest/admin-guide/mm/transhuge.html
"""

NO_ROOM = memoryview(b"")

log = logging.getLogger(__name__)


class Exchange:
    """A request on its way to its answer."""

    __slots__ = (
        "_call",
        "_chunks",
        "_codec",
        "_deadline",
        "_end_span",
        "_head",
        "_length",
        "_model",
        "_over",
        "_reply",
        "_service",
        "_start",
        "_work",
    )

    def __init__(
        self,
        service: Service,
        route: tuple[Codec, ServedModel],
        headers: Mapping[bytes, bytes],
        reply: Callable[[Answer], None],
    ) -> None:
        """Take a request's head. What it alone shows to be wrong is answered at once.

        Args:
            service: what answers.
            route: who answers at the request's path.
            headers: those of `messages.HEADERS` that the request has, names in small letters.
            reply: takes the answer.

        """
        self._start = time.perf_counter()
        self._service = service
        self._codec, self._model = route
        self._head = Head(headers)
        self._reply: Callable[[Answer], None] | None = reply
        self._chunks: list[bytes | memoryview] = []
        self._length = 0
        self._work: Work | None = None
        self._over = False
        self._model.metrics.in_flight.inc()
        self._end_span = (
            service.tracing.start(self._codec.route, self._model.signature, headers)
            if service.tracing
            else None
        )
        try:
            self._admit()
        except Problem as problem:
            self._finish(Answer.of(problem))

    @property
    def over(self) -> bool:
        """Whether it is answered, or nobody waits any more."""
        return self._over

    def receive(self, chunk: bytes) -> None:
        """Take a part of the body."""
        if self._over:
            return
        self._chunks.append(chunk)
        self._length += len(chunk)
        if self._length > self._service.settings.max_body_bytes:
            self._finish(Answer.of(messages.too_large(self._service.settings.max_body_bytes)))

    def room(self) -> memoryview:
        """Return where the rest of the body is to be written, rather than received; then it is complete.

        Returns:
            No room where too little has come, little is missing, its length is unknown or nobody wants it.

        """
        received, length = self._length, self._head.content_length
        if self._over or length - received < SHORT or length > received * BELIEVED:
            return NO_ROOM
        body = np.empty(length, np.uint8).data
        body[:received] = b"".join(self._chunks)
        self._chunks.clear()
        self._chunks.append(body)
        self._length = length
        return body[received:]

    def complete(self) -> None:
        """Say that the body is whole."""
        if self._over:
            return
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        head = self._head
        try:
            quick = head.content_encoding == IDENTITY and self._codec.is_quick(
                len(body), head, self._model.signature
            )
        except Problem as problem:
            self.refuse(problem)
            return
        if quick:
            self._submit(self._read(body))
            return
        loop = asyncio.get_running_loop()
        self._service.readers.submit(
            lambda: loop.call_soon_threadsafe(partial(self._submit, self._read(body)))
        )

    def cancel(self) -> None:
        """Forget the request: its client is gone."""
        if self._over:
            return
        if self._work is not None:
            self._model.batcher.cancel(self._work)
        self._end(CLIENT_CLOSED_REQUEST)

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem that the transport has found."""
        if not self._over:
            self._finish(Answer.of(problem))

    def _admit(self) -> None:
        """Refuse what need not be read.

        Raises:
            Problem: no model is ready, the queue is full, or the body is of a wrong kind or size.

        """
        service, head = self._service, self._head
        if self._model.state != "ready":
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the model is being loaded" if self._model.state == "loading" else "the model has failed",
                headers={"retry-after": "1"},
            )
        if head.content_encoding not in (*WINDOW_BITS, IDENTITY):
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content-encoding {head.content_encoding!r}; send the body as it is, or as "
                f"{' or '.join(WINDOW_BITS)}",
                headers={"accept-encoding": ", ".join((*WINDOW_BITS, IDENTITY))},
            )
        accepted = self._codec.media_types(self._model.signature)
        if head.content_type not in accepted:
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content-type {head.content_type!r}; this model takes {', '.join(accepted)}",
                headers={"accept-post": ", ".join(accepted)},
            )
        if head.content_length > service.settings.max_body_bytes:
            raise messages.too_large(service.settings.max_body_bytes)
        seconds = service.settings.request_timeout_seconds
        if (own := head.timeout_seconds) is not None:
            seconds = min(seconds, own)
        self._deadline = time.monotonic() + seconds
        self._model.batcher.admit(seconds)

    def _read(self, body: bytes | memoryview) -> Call | Exception:
        try:
            plain = messages.decompressed(
                body, self._head.content_encoding, self._service.settings.max_body_bytes
            )
            return self._codec.decode(
                plain, self._head, self._model.signature, self._service.settings.batch_size
            )
        except Exception as error:  # noqa: BLE001 - told to the client, and logged where it is our fault
            return error

    def _submit(self, call: Call | Exception) -> None:
        if self._over:
            return
        if isinstance(call, Exception):
            self._fail(call)
            return
        self._call = call
        deadline = self._deadline
        if call.timeout_seconds is not None:
            deadline = min(deadline, time.monotonic() + call.timeout_seconds)
        self._work = Work(call.inputs, deadline, self._answered)
        self._chunks.clear()
        self._model.batcher.submit(self._work)

    def _answered(self, result: Answers | Exception, first: int) -> None:
        if isinstance(result, Exception):
            self._fail(result)
            return
        try:
            answer = self._call.encode(result, first).compressed(self._head.coding)
        except Exception as error:  # noqa: BLE001 - as in _read
            self._fail(error)
            return
        self._finish(answer)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, InputRefused):
            log.info("input refused by the model", extra={"reason": str(error)})
            error = Problem(
                HTTPStatus.BAD_REQUEST,
                "the model cannot take these values, though datatype and shape are right; "
                "an index may lie beyond its table",
            )
        if not isinstance(error, Problem):
            log.error("request failed", exc_info=error)
            self._service.keep(asyncio.create_task(self._service.examine(self._model)))
            error = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
        self._finish(Answer.of(error))

    def _finish(self, answer: Answer) -> None:
        reply = self._reply
        self._end(answer.status, answer.reason)
        if reply is not None:
            reply(answer)

    def _end(self, code: int, reason: str | None = None) -> None:
        self._over = True
        self._chunks.clear()
        # These lead back here: without them, a request is gone from memory with its answer.
        self._reply = self._work = None
        metrics = self._model.metrics
        metrics.in_flight.dec()
        seconds = time.perf_counter() - self._start
        metrics.answered(code, seconds, reason)
        if self._end_span is not None:
            self._end_span(code)
        log.debug("request answered", extra={"code": code, "seconds": round(seconds, 6)})
