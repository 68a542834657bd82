import http.server
import json
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from bench.clients import Request, ask, closed_loop, open_loop
from bench.errors import BenchError

REQUEST = Request(path="/predict", content_type="application/json", body=b"[1]")


class Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.path == "/predict" else 503)
        self.end_headers()
        self.wfile.write(self.headers["content-type"].encode() + b" " + body)

    def log_message(self, *_: object):
        pass


@pytest.fixture
def port() -> Generator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def program(path: Path, code: str) -> str:
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return str(path)


def test_one_request_is_sent_as_it_is(port: int):
    assert ask(port, REQUEST) == b"application/json [1]"


def test_an_answer_other_than_200_is_an_error_with_its_body(port: int):
    other = Request(path="/other", content_type="text/plain", body=b"x")

    with pytest.raises(BenchError, match="/other answers 503: text/plain x"):
        ask(port, other)


def test_a_connection_error_is_a_bench_error(unused_port: int):
    with pytest.raises(BenchError, match="no answer from /predict"):
        ask(unused_port, REQUEST)


def test_a_closed_loop_counts_only_answered_requests(tmp_path: Path):
    said = {"seconds": 10.0, "requests": 1000, "p50_ms": 1.5, "p99_ms": 4.0, "errors": 100}
    wrk = program(tmp_path / "wrk", f"""echo "$@" > {tmp_path}/asked\necho '{json.dumps(said)}'""")

    figures = closed_loop(wrk, 8000, REQUEST, tmp_path, connections=32, seconds=10)

    assert (figures.per_second, figures.p50_ms, figures.p99_ms, figures.errors) == (90, 1.5, 4, 100)
    assert "--connections=32 --duration=10s" in (tmp_path / "asked").read_text()
    assert "http://127.0.0.1:8000/predict" in (tmp_path / "asked").read_text()


def test_an_open_loop_lists_the_status_codes_other_than_200(tmp_path: Path):
    report = {
        "duration": 10_000_000_000,
        "wait": 1_000_000,
        "requests": 100,
        "throughput": 9.5,
        "latencies": {"50th": 1_500_000, "99th": 4_000_000},
        "status_codes": {"200": 95, "503": 4, "0": 1},
    }
    code = f"""[ "$1" = report ] && echo '{json.dumps(report)}' || echo "$@" > {tmp_path}/asked"""
    vegeta = program(tmp_path / "vegeta", code)

    figures = open_loop(Path(vegeta), 8000, REQUEST, tmp_path, rate=10, seconds=10)

    assert (figures.per_second, figures.p50_ms, figures.p99_ms) == (9.5, 1.5, 4)
    assert (figures.errors, figures.faults) == (5, "4 of status 503, 1 of status 0")
    assert "-rate=10/1s -duration=10s" in (tmp_path / "asked").read_text()
    assert (
        f"POST http://127.0.0.1:8000/predict\nContent-Type: application/json\n@{tmp_path}/body"
        in (tmp_path / "targets").read_text()
    )


def test_the_error_for_a_failed_client_has_its_stderr(tmp_path: Path):
    wrk = program(tmp_path / "wrk", "echo cannot connect >&2; exit 1")

    with pytest.raises(BenchError, match=r"exited with 1:\ncannot connect"):
        closed_loop(wrk, 8000, REQUEST, tmp_path, connections=1, seconds=1)
