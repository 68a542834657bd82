"""A body to tensors, within the memory that there is for it."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus

from app import codings
from app.budget import Budget, Hold
from app.messages import Call, Codec, Head
from app.problems import OVERLOADED, Problem
from app.settings import Settings
from app.signature import Signature
from app.work import late


@dataclass(slots=True, kw_only=True)
class Decoder:
    """Reads the body of one request."""

    codec: Codec
    head: Head
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
            Problem: the head contradicts itself.

        """
        return not self.head.content_encodings and self.codec.is_quick(length, self.head, self.signature)

    def read(self, body: bytes | memoryview, *, wait: bool) -> tuple[Call, Hold] | Exception:
        """Return what a body says, with the memory that its tensors take, or what is wrong with it.

        Args:
            body: as it came.
            wait: whether to wait for memory; on a thread alone.

        """
        limit, batch_size = self.settings.max_body_bytes, self.settings.batch_size
        try:
            if not self.wanted or time.monotonic() >= self.deadline:
                return late()
            plain = body
            if self.head.content_encodings:
                # What it costs to read, which is held after this, counts the body too.
                with self._hold(limit, wait=wait):
                    plain = codings.decompressed(body, self.head.content_encodings, limit)
            with ExitStack() as held:
                hold = self._hold(self.codec.cost(plain, self.head, self.signature, batch_size), wait=wait)
                held.callback(hold.release)
                call = self.codec.decode(plain, self.head, self.signature, batch_size)
                hold.shrink(min(hold.bytes, sum(array.nbytes for array in call.inputs.values())))
                held.pop_all()
                return call, hold
        except Problem as problem:
            # Its frames hold the body and what was made of it, for as long as it lives.
            problem.__context__ = None
            return problem.with_traceback(None)
        except MemoryError:
            return Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "there is no memory to read this body",
                headers={"retry-after": "1"},
                reason=OVERLOADED,
            )
        except Exception as error:  # noqa: BLE001 - told to the client, and logged where it is our fault
            return error

    def take(self, size: int) -> Hold:
        """Wait for memory, on a thread alone.

        Raises:
            Problem: 503, there was none in time.

        """
        return self.budget.take(size, self.deadline, lambda: self.wanted)

    def _hold(self, size: int, *, wait: bool) -> Hold:
        if size > self.budget.total:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"reading this body takes about {size >> 20} MiB of memory, and there are "
                f"{self.budget.total >> 20} MiB for requests",
            )
        return self.take(size) if wait else self.budget.try_take(size)
