"""A Prometheus that answers each query with what a test gives it, and the programs that draw from it."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from bench.tools import environment
from ops.stack import PROJECT

PICTURES = PROJECT / "docs" / "pictures"
Drawn = subprocess.CompletedProcess[str]
Draw = Callable[..., Drawn]


def series(labels: dict[str, str], start: float, end: float, step: float, value: float) -> dict[str, Any]:
    """A series that has one value all the time."""
    count = int((end - start) / step) + 1
    return {"metric": labels, "values": [[start + step * number, str(value)] for number in range(count)]}


def answer(query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
    """Codes where codes are asked for, buckets where buckets are, and else a line."""
    labels: list[tuple[dict[str, str], float]] = [({"pod": "tiny-6f7d9c5b84-x7k2p"}, 1)]
    if query.startswith("sum by (code)"):
        labels = [({"code": "200"}, 20), ({"code": "503"}, 5)]
    if query.startswith("sum by (le)"):
        labels = [({"le": bound}, value) for bound, value in (("0.1", 4), ("+Inf", 9), ("0.5", 7))]
    return [series(names, start, end, step, value) for names, value in labels]


@dataclass
class FakePrometheus:
    """What it was asked, and how it answers."""

    url: str = ""
    queries: list[str] = field(default_factory=list)
    answer: Callable[[str, float, float, float], list[dict[str, Any]]] = answer
    error: str | None = None


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    fake = FakePrometheus()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            query, *span = (form[key][0] for key in ("query", "start", "end", "step"))
            fake.queries.append(query)
            answered: dict[str, Any] = (
                {"status": "error", "errorType": "bad_data", "error": fake.error}
                if fake.error
                else {"status": "success", "data": {"result": fake.answer(query, *map(float, span))}}
            )
            body = json.dumps(answered).encode()
            self.send_response(400 if fake.error else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python of the environment in which the pictures are drawn."""
    return environment(PICTURES)


@pytest.fixture
def draw(python: Path, prometheus: FakePrometheus, tmp_path: Path) -> Draw:
    """Run one of the programs on a dashboard's JSON; the picture is `picture.png`."""

    def run(program: str, dashboard: str, *arguments: str) -> Drawn:
        return subprocess.run(
            [
                python,
                PICTURES / f"{program}.py",
                "-",
                tmp_path / "picture.png",
                *("--prometheus", prometheus.url, "--minutes", "10", "--end", "2026-01-02T03:04:05"),
                *arguments,
            ],
            input=dashboard,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
