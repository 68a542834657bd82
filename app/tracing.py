"""A span a request, sent to an OpenTelemetry collector where OTEL_EXPORTER_OTLP_ENDPOINT names one.

The other OTEL_ variables hold as well, for the SDK reads them itself:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Callable, Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.signature import Signature

EndSpan = Callable[[int], None]
"""Takes the code of the answer."""

_PROPAGATOR = TraceContextTextMapPropagator()
_SERVER_ERROR = 500


class Tracing:
    """Makes spans as the conventions for HTTP servers have them.

    https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
    """

    def __init__(self, service_name: str, version: str) -> None:
        ours = Resource.create({SERVICE_NAME: service_name, SERVICE_VERSION: version})
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(__name__)

    def start(self, route: str, signature: Signature, headers: Mapping[bytes, bytes]) -> EndSpan:
        """Start the span of a request, below the client's where it sends a traceparent."""
        carrier = {
            name: headers[name.encode()].decode("latin-1")
            for name in _PROPAGATOR.fields
            if name.encode() in headers
        }
        span = self._tracer.start_span(
            f"POST {route}",
            context=_PROPAGATOR.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": "POST",
                "http.route": route,
                "model.name": signature.name,
                "model.version": signature.version,
            },
        )

        def end(code: int) -> None:
            span.set_attribute("http.response.status_code", code)
            if code >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR)
            span.end()

        return end

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
