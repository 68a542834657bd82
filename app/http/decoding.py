"""Decodes request bodies to tensors, within the memory budget for requests."""

import time
from dataclasses import dataclass

from app.errors import DeadlineExceeded, Overloaded, RequestError, TooLarge
from app.http import codings
from app.http.head import RequestHead
from app.http.problems import Problem
from app.protocols.messages import OCTETS, DecodedRequest, WireProtocol
from app.serving.budget import Budget, Reservation
from app.settings import Settings
from app.signature import Signature


@dataclass(slots=True, kw_only=True)
class Decoder:
    """Decodes the body of one request."""

    protocol: WireProtocol
    head: RequestHead
    signature: Signature
    settings: Settings
    budget: Budget
    """The memory for decoded requests."""

    deadline: float
    """When the client stops waiting, on the clock of `time.monotonic`."""

    cancelled: bool = False
    """Whether the request was answered or its client has disconnected."""

    def is_quick(self, length: int) -> bool:
        """Tell whether a body of `length` bytes can be decoded on the event loop without blocking it.

        Raises:
            InvalidInput: the headers contradict each other.

        """
        return not self.head.content_encodings and self.protocol.is_quick(length, self.head, self.signature)

    def decode(
        self, body: bytes | memoryview, *, on_thread: bool
    ) -> tuple[DecodedRequest, Reservation] | Exception:
        """Decode a body.

        Args:
            body: as it was received.
            on_thread: True on a thread, which may wait for memory. False on the event loop, for a body for
                which `is_quick` is True; it takes little memory.

        Returns:
            The decoded request and the reservation of its memory, or the error.

        """
        try:
            if self.cancelled or time.monotonic() >= self.deadline:
                return DeadlineExceeded()
            return self._decode_on_thread(body) if on_thread else self._decode_inline(body)
        except (Problem, RequestError) as error:
            # The frames in the traceback would keep the body in memory for as long as the error lives.
            error.__context__ = None
            return error.with_traceback(None)
        except MemoryError:
            return Overloaded("there is not enough memory to read this body")
        except Exception as error:  # noqa: BLE001 - the caller turns it into a response, and logs a fault
            return error

    def reserve(self, size: int) -> Reservation:
        """Wait for memory and reserve it. Call it only on a thread.

        Args:
            size: bytes.

        Raises:
            Overloaded: the memory was not available before the deadline, or the request was cancelled.

        """
        return self.budget.reserve(size, self.deadline, lambda: not self.cancelled)

    def _decode_inline(self, body: bytes | memoryview) -> tuple[DecodedRequest, Reservation]:
        decoded = self.protocol.decode(body, self.head, self.signature, self.settings.batch_size)
        # Tensors of raw values are views of the body and take no memory of their own.
        size = 0 if self.head.content_type == OCTETS else _input_bytes(decoded)
        return decoded, self.budget.try_reserve(size)

    def _decode_on_thread(self, body: bytes | memoryview) -> tuple[DecodedRequest, Reservation]:
        limit, batch_size = self.settings.max_body_bytes, self.settings.batch_size
        plain = body
        if self.head.content_encodings:
            # This reservation ends before the next one starts, because `cost` includes the decompressed body.
            with self._reserve_if_possible(limit):
                plain = codings.decompress(body, self.head.content_encodings, limit)
        cost = self.protocol.memory_cost(plain, self.head, self.signature, batch_size)
        reservation = self._reserve_if_possible(cost)
        try:
            decoded = self.protocol.decode(plain, self.head, self.signature, batch_size)
        except BaseException:
            reservation.release()
            raise
        reservation.shrink(min(reservation.bytes, _input_bytes(decoded)))
        return decoded, reservation

    def _reserve_if_possible(self, size: int) -> Reservation:
        """Wait for memory and reserve it, unless `size` is more than the whole budget.

        Raises:
            TooLarge: `size` is more than the whole budget.
            Overloaded: as in `reserve`.

        """
        if size > self.budget.total:
            raise TooLarge(
                f"reading this body takes about {size >> 20} MiB of memory, and all requests together may "
                f"use {self.budget.total >> 20} MiB",
            )
        return self.reserve(size)


def _input_bytes(decoded: DecodedRequest) -> int:
    return sum(array.nbytes for array in decoded.inputs.values())
