"""What an error of a request becomes for the client, and whether the model has caused it."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from app.errors import InternalError, InvalidInput, RequestError
from app.runtimes import InputRefused
from app.serving.served_model import ServedModel

log = logging.getLogger(__name__)


class Failures:
    """Turns errors into those that clients get, and checks the models that may have caused them."""

    def __init__(
        self,
        fail: Callable[[ServedModel, str], None],
        keep_task: Callable[["asyncio.Task[None]"], None],
    ) -> None:
        """Start without a model in check.

        Args:
            fail: is called with a model that no longer works, and why.
            keep_task: keeps a reference to a task until it is done.

        """
        self._fail = fail
        self._keep_task = keep_task
        self._in_check: set[ServedModel] = set()

    def to_request_error(
        self, error: Exception, model: ServedModel, context: Mapping[str, object]
    ) -> RequestError:
        """Return the error that a client gets, and check the model if it may have caused the error.

        Args:
            error: the error that ended the request.
            model: the model that was to answer.
            context: the fields of the log line that identify the request.

        """
        if isinstance(error, RequestError):
            return error
        if isinstance(error, InputRefused):
            log.info("input refused by the model", extra=dict(context))
            if not error.certain:
                self.check(model)
            return InvalidInput(error.detail)
        log.error("request failed", exc_info=error, extra=dict(context))
        self.check(model)
        return InternalError()

    def check(self, model: ServedModel) -> None:
        """Check in the background whether a model still works; if not, the service has failed."""
        if model not in self._in_check:
            self._in_check.add(model)
            self._keep_task(asyncio.create_task(self._check(model)))

    async def _check(self, model: ServedModel) -> None:
        error = await asyncio.to_thread(model.self_test_error)
        self._in_check.discard(model)
        if error is not None:
            self._fail(model, f"it does not answer its own sample any more: {error}")
