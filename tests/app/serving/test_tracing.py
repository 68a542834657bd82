"""The spans that a collector receives, and the cost of tracing when it is off."""

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.http.record import Record
from app.serving.service import Service
from app.serving.tracing import Tracing
from tests.app.conftest import settings_of
from tests.app.process import SAMPLE, Process

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """An OTLP collector on 127.0.0.1 that keeps what it receives."""

    def __init__(self) -> None:
        requests = self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                requests.append((self.path, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[tuple[dict[str, str], Span]]:
        found = []
        for path, body in self.requests:
            assert path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                of = {
                    attribute.key: attribute.value.string_value for attribute in resource.resource.attributes
                }
                found += [(of, span) for scope in resource.scope_spans for span in scope.spans]
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


@pytest.mark.parametrize(("code", "is_error"), [(499, False), (500, True), (503, True)])
def test_only_a_failure_of_the_server_is_an_error_in_the_trace(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tiny: Path, code: int, is_error: bool
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    service = Service(settings_of(model_path=tiny))
    tracing = Tracing("tiny", "1")
    Record(service.default_model, "/predict", {}, tracing).end(code, None, None)
    tracing.close()
    service.close()

    ((_, span),) = collector.spans()
    assert (span.status.code == Status.STATUS_CODE_ERROR) is is_error


def test_each_request_has_a_span_below_that_of_its_client(
    start: Callable[..., Process], collector: Collector
):
    server = start(environment={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    server.wait_for("/health/ready")
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    httpx.post(f"{server.url}/predict", content=SAMPLE, headers=headers)
    httpx.post(f"{server.url}/predict?x=1", content=b"?", headers=headers)
    httpx.post(f"{server.url}/v2/models/tiny/infer", content=b"{}")
    server.terminate()
    assert server.exit_code() == 0

    (resource, good), (_, bad), (_, alone) = collector.spans()

    assert (resource["service.name"], resource["service.version"]) == ("tiny", "0123456789ab")
    assert (good.name, alone.name) == ("POST /predict", "POST /v2/models/{name}/infer")
    assert good.kind == Span.SPAN_KIND_SERVER
    assert {(span.trace_id.hex(), span.parent_span_id.hex()) for span in (good, bad)} == {(TRACE, PARENT)}
    assert alone.parent_span_id == b""
    codes = [
        attribute.value.int_value
        for span in (good, bad, alone)
        for attribute in span.attributes
        if attribute.key == "http.response.status_code"
    ]
    assert codes == [200, 400, 400]
    assert 0 < good.end_time_unix_nano - good.start_time_unix_nano < 5e9


def test_the_names_of_the_environment_take_precedence(start: Callable[..., Process], collector: Collector):
    server = start(
        environment={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "cats-in-paris"}
    )
    server.wait_for("/health/ready")
    httpx.post(f"{server.url}/predict", content=SAMPLE)
    server.terminate()
    server.exit_code()

    ((resource, _),) = collector.spans()
    assert resource["service.name"] == "cats-in-paris"


def test_requests_are_answered_without_a_reachable_collector(start: Callable[..., Process]):
    server = start(
        environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    )
    server.wait_for("/health/ready")

    assert httpx.post(f"{server.url}/predict", content=SAMPLE).status_code == 200
    server.terminate()
    assert server.exit_code() == 0


def test_without_a_collector_the_tracing_module_is_not_imported(
    tiny: Path, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delitem(sys.modules, "app.serving.tracing", raising=False)

    assert serve(tiny).tracing is None
    assert "app.serving.tracing" not in sys.modules
