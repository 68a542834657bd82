"""What the log says about requests, and what it must not repeat."""

import logging
from collections.abc import Callable

import httpx
import pytest

from app import logs
from tests.app.process import Process
from tests.app.wrapped import wrapped

SECRET = "53CR3T"
NUMBER = "987654321"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def server(tiny, start_module: Callable[..., Process]) -> Process:
    failing = wrapped("if value == 666: raise ValueError('broken')", threads=False)
    server = start_module(tiny, before=failing, log_level="debug")
    server.wait_for("/health/ready")
    return server


def line(server: Process, request_id: str) -> dict:
    (found,) = [line for line in server.logged() if line.get("request_id") == request_id]
    return found


@pytest.mark.parametrize("path", ["/predict", "/predict?x"])
def test_the_debug_log_says_why_a_request_was_refused(server: Process, path: str):
    headers = {"x-request-id": f"refused{path}".replace("?", "-"), "traceparent": f"00-{TRACE}-{'1' * 16}-01"}
    httpx.post(server.url + path, content=b"[[0]]", headers=headers)

    logged = line(server, headers["x-request-id"])
    assert logged["level"] == "DEBUG"
    assert (logged["model"], logged["path"], logged["code"]) == ("tiny", "/predict", 400)
    assert (logged["reason"], logged["trace_id"]) == ("invalid", TRACE)
    assert "has the shape [1, 1]" in logged["detail"]


def test_the_log_of_a_failure_names_the_request_the_model_and_the_path(server: Process):
    answer = httpx.post(f"{server.url}/predict", content=b"[666,0,0,0,0,0]", headers={"x-request-id": "f-1"})
    assert (answer.status_code, answer.json()["request_id"]) == (500, "f-1")

    lines = [line for line in server.logged() if line.get("request_id") == "f-1"]
    (failed,) = [line for line in lines if line["level"] == "ERROR"]
    assert (failed["model"], failed["path"]) == ("tiny", "/predict")
    assert "broken" in failed["exc_info"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", f'["{SECRET}"]'),
        ("/predict", f'["a\'b\\"{SECRET}",0,0,0,0,0]'),
        ("/predict", f'[{NUMBER},0,0,0,0,"x"]'),
        ("/predict", f"[[[{NUMBER}]],0]"),
        ("/predict", f'["x",0,0,0,0,0]{SECRET}'),
        ("/predict", f'{{"{SECRET}":1}}'),
        ("/predict", f"{SECRET}"),
        ("/predict", f"[{NUMBER}e999]"),
        (
            "/v2/models/tiny/infer",
            f'{{"inputs":[{{"name":"{SECRET}","shape":[1],"datatype":"FP32","data":[0]}}]}}',
        ),
        ("/v2/models/tiny/infer", f'{{"inputs":"{SECRET}"}}'),
        ("/v2/models/tiny/infer", f'{{"inputs":[],"outputs":[{{"name":"{SECRET}"}}]}}'),
        (
            "/v2/models/tiny/infer",
            f'{{"inputs":[{{"name":"x","shape":[1,2,3],"datatype":"FP32","data":["{SECRET}",{NUMBER}]}}]}}',
        ),
        (
            "/v2/models/tiny/infer",
            f'{{"inputs":[{{"name":"x","shape":[1,2,3],"datatype":"{SECRET}","data":[{NUMBER}]}}]}}',
        ),
    ],
)
def test_no_payload_goes_into_the_log(server: Process, path: str, body: str):
    assert httpx.post(server.url + path, content=body.encode()).status_code == 400

    assert SECRET not in server.log.read_text()
    assert NUMBER not in server.log.read_text()


def test_one_warning_of_each_kind_is_written_per_second(caplog: pytest.LogCaptureFixture, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    warnings = logs.RateLimitedWarnings(logging.getLogger("some"))
    for _ in range(5):
        warnings.write("memory", "refused", {"code": 503})
    warnings.write("overloaded", "refused", {"code": 503})
    now[0] += 1
    warnings.write("memory", "refused", {"code": 503})

    written = [(record.getMessage(), record.__dict__["left_out"]) for record in caplog.records]
    assert written == [("refused", 0), ("refused", 0), ("refused", 4)]
