"""Records inference requests: in the metrics, in traces, and in the log."""

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app import logs
from app.http import identity
from app.http.problems import SERVER_ERROR
from app.serving.served_model import ServedModel

if TYPE_CHECKING:
    # The OpenTelemetry libraries are imported only if requests are traced.
    from app.serving.tracing import Tracing

log = logging.getLogger(__name__)
_warnings = logs.RateLimitedWarnings(log)


class Record:
    """Records one inference request, from its head to its response."""

    __slots__ = ("_end_span", "_headers", "_model", "_route", "_start")

    def __init__(
        self, model: ServedModel, route: str, headers: Mapping[bytes, bytes], tracing: "Tracing | None"
    ) -> None:
        """Count the request as in flight, and start its span.

        Args:
            model: the model that the request is for.
            route: the path template of the request, such as `/v2/models/{name}/infer`.
            headers: the request's headers that are in `head.HEADERS`.
            tracing: starts the span; None if requests are not traced.

        """
        self._start = time.perf_counter()
        self._model = model
        self._route = route
        self._headers = headers
        model.metrics.in_flight.inc()
        self._end_span = tracing.start(f"POST {route}", self._attributes(), headers) if tracing else None

    def _attributes(self) -> dict[str, str]:
        """Return the attributes of the span.

        Their names: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
        """
        signature = self._model.signature
        return {
            "http.request.method": "POST",
            "http.route": self._route,
            "model.name": signature.name,
            "model.version": signature.version,
        }

    def end(self, code: int, reason: str | None, detail: str | None) -> None:
        """Record the response in the metrics, the span and the log.

        Args:
            code: the status code of the response.
            reason: why the request was not answered by the model, as a word for the metrics; None if it was.
            detail: the same, as a sentence; None if the request was answered by the model.

        """
        seconds = time.perf_counter() - self._start
        metrics = self._model.metrics
        metrics.in_flight.dec()
        metrics.count_response(code, seconds, reason)
        if self._end_span is not None:
            self._end_span({"http.response.status_code": code}, code >= SERVER_ERROR)
        if code >= SERVER_ERROR:
            _warnings.write(reason or str(code), "request not answered", self.context(code, reason, detail))
        if log.isEnabledFor(logging.DEBUG):
            context = {**self.context(code, reason, detail), "seconds": round(seconds, 6)}
            log.debug("request answered", extra=context)

    def context(
        self, code: int | None = None, reason: str | None = None, detail: str | None = None
    ) -> dict[str, object]:
        """Return the fields of a log line about this request and, if given, its response; see `end`."""
        signature = self._model.signature
        request_id = self._headers.get(identity.REQUEST_ID)
        context = {
            "request_id": request_id.decode("latin-1") if request_id else None,
            "trace_id": identity.trace_id(self._headers.get(identity.TRACEPARENT, b"")),
            "model": signature.name,
            "version": signature.version,
            "path": self._route,
            "code": code,
            "reason": reason,
            "detail": detail and logs.without_values(detail),
        }
        return {name: value for name, value in context.items() if value is not None}
