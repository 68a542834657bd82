"""A body to tensors, within the memory that there is for it."""

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
    """Reads the body of one request."""

    protocol: WireProtocol
    head: RequestHead
    signature: Signature
    settings: Settings
    budget: Budget
    deadline: float
    """On the clock of `time.monotonic`."""

    wanted: bool = True
    """Whether the request is still waited for."""

    def is_quick(self, length: int) -> bool:
        """Tell whether a body of so many bytes is read without holding up the event loop.

        Raises:
            InvalidInput: the head contradicts itself.

        """
        return not self.head.content_encodings and self.protocol.is_quick(length, self.head, self.signature)

    def read(self, body: bytes | memoryview, *, wait: bool) -> tuple[DecodedRequest, Reservation] | Exception:
        """Return what a body says, with the memory that its tensors take, or what is wrong with it.

        Args:
            body: as it came.
            wait: whether this is a thread, which may wait for memory. Otherwise the body is a quick one, and
                reading it takes little.

        """
        try:
            if not self.wanted or time.monotonic() >= self.deadline:
                return DeadlineExceeded()
            return self._read_within_memory(body) if wait else self._read_quickly(body)
        except (Problem, RequestError) as error:
            # The frames in the traceback would keep the body in memory for as long as the error lives.
            error.__context__ = None
            return error.with_traceback(None)
        except MemoryError:
            return Overloaded("there is no memory to read this body")
        except Exception as error:  # noqa: BLE001 - told to the client, and logged where it is our fault
            return error

    def _read_quickly(self, body: bytes | memoryview) -> tuple[DecodedRequest, Reservation]:
        decoded = self.protocol.decode(body, self.head, self.signature, self.settings.batch_size)
        # Octets are views of the body.
        size = 0 if self.head.content_type == OCTETS else _size(decoded)
        return decoded, self.budget.try_reserve(size)

    def _read_within_memory(self, body: bytes | memoryview) -> tuple[DecodedRequest, Reservation]:
        limit, batch_size = self.settings.max_body_bytes, self.settings.batch_size
        plain = body
        if self.head.content_encodings:
            # What it costs to read, which is held after this, counts the body too.
            with self._hold(limit):
                plain = codings.decompressed(body, self.head.content_encodings, limit)
        hold = self._hold(self.protocol.memory_cost(plain, self.head, self.signature, batch_size))
        try:
            decoded = self.protocol.decode(plain, self.head, self.signature, batch_size)
        except BaseException:
            hold.release()
            raise
        hold.shrink(min(hold.bytes, _size(decoded)))
        return decoded, hold

    def take(self, size: int) -> Reservation:
        """Wait for memory, on a thread alone.

        Raises:
            Overloaded: there was none in time.

        """
        return self.budget.reserve(size, self.deadline, lambda: self.wanted)

    def _hold(self, size: int) -> Reservation:
        if size > self.budget.total:
            raise TooLarge(
                f"reading this body takes about {size >> 20} MiB of memory, and there are "
                f"{self.budget.total >> 20} MiB for requests",
            )
        return self.take(size)


def _size(decoded: DecodedRequest) -> int:
    return sum(array.nbytes for array in decoded.inputs.values())
