"""Sends a span for each request to an OpenTelemetry collector, if OTEL_EXPORTER_OTLP_ENDPOINT names one.

The SDK itself reads the other variables that begin with OTEL_:
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

EndSpan = Callable[[Mapping[str, int], bool], None]
"""Ends a span. Takes the attributes of the response, and whether the server failed."""

_PROPAGATOR = TraceContextTextMapPropagator()


class Tracing:
    """Creates the spans of requests, and sends them to the collector."""

    def __init__(self, service_name: str, version: str) -> None:
        """Connect to the collector that the environment names.

        Args:
            service_name: the name of the service, if the environment does not name it.
            version: the version of the service, if the environment does not give it.

        """
        defaults = Resource.create({SERVICE_NAME: service_name, SERVICE_VERSION: version})
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
        self._provider = TracerProvider(resource=defaults.merge(OTELResourceDetector().detect()))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(__name__)

    def start(self, name: str, attributes: Mapping[str, str], headers: Mapping[bytes, bytes]) -> EndSpan:
        """Start the span of a request.

        Args:
            name: the name of the span.
            attributes: its first attributes.
            headers: the headers of the request. A `traceparent` makes the client's span the parent.

        Returns:
            The function that ends the span.

        """
        carrier = {
            field: headers[field.encode()].decode("latin-1")
            for field in _PROPAGATOR.fields
            if field.encode() in headers
        }
        span = self._tracer.start_span(
            name, context=_PROPAGATOR.extract(carrier), kind=SpanKind.SERVER, attributes=attributes
        )

        def end(attributes: Mapping[str, int], has_failed: bool) -> None:
            span.set_attributes(attributes)
            if has_failed:
                span.set_status(StatusCode.ERROR)
            span.end()

        return end

    def close(self) -> None:
        """Send the spans that are not sent yet."""
        self._provider.shutdown()
