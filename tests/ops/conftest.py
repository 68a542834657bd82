"""Fake programs on PATH, and a server with a fixed answer."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAM = """#!{python}
import json, os, sys
stdin = "" if sys.stdin.isatty() or {deaf} else sys.stdin.read()
variables = {{key: value for key, value in os.environ.items() if key.startswith("PULUMI_")}}
call = {{"program": {name!r}, "arguments": sys.argv[1:], "stdin": stdin, "variables": variables}}
with open({log!r}, "a") as log:
    log.write(json.dumps(call) + "\\n")
for words, output, status in {answers!r}:
    if all(word in sys.argv for word in words):
        print(output, file=sys.stderr if status else sys.stdout)
        sys.exit(status)
"""

Answer = tuple[list[str], str, int]
"""If the arguments have all these words: what is printed, and the exit status."""


class Programs:
    """Fake programs on PATH that record how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "calls.jsonl"

    def add(self, name: str, *answers: Answer, deaf: bool = True) -> None:
        """Add a program, which gives the first answer that fits its arguments. A deaf one reads no stdin."""
        file = self.folder / name
        file.write_text(
            PROGRAM.format(
                python=sys.executable, log=str(self._log), name=name, answers=list(answers), deaf=deaf
            )
        )
        file.chmod(0o755)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call so far: `program`, `arguments`, `stdin`, and the `variables` of Pulumi."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []

    @property
    def lines(self) -> list[str]:
        """Every call so far as a command line."""
        return [" ".join([call["program"], *call["arguments"]]) for call in self.calls]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Programs(folder)


@pytest.fixture
def only(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Return fake programs, with no other program on PATH."""
    monkeypatch.setenv("PATH", str(programs.folder))
    return programs


class Service:
    """A service on 127.0.0.1 with a fixed answer to /predict, which records its requests.

    Until it is started its port refuses connections.
    """

    def __init__(self) -> None:
        self.status = 200
        self.answer: dict[str, Any] = {}
        self.requests: list[tuple[str, str, bytes]] = []
        self.key: str | None = None
        """The API key that it needs; None if it needs none."""

        self.times: list[float] = []
        """When each of them was received, on the clock of `time.monotonic`."""

        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                service.times.append(time.monotonic())
                service.requests.append((self.path, self.headers["content-type"], body))
                answer = json.dumps(service.answer).encode()
                has_key = service.key is None or self.headers["authorization"] == f"Bearer {service.key}"
                self.send_response(service.status if has_key else 401)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.server_bind()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._server.server_activate()
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def service() -> Generator[Service]:
    running = Service()
    running.start()
    yield running
    running.stop()


Artifact = Callable[..., Path]


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """Return a function that writes an artifact with three classes, whose sample is of the second."""

    def write(*, photograph: bytes | None = None, labels: list[str] | None = None) -> Path:
        folder = tmp_path / "artifact"
        folder.mkdir(exist_ok=True)
        signature = {
            "name": "tiny",
            "version": "0123456789ab",
            "inputs": [{"name": "x", "datatype": "FP64"}],
            "outputs": [{"name": "y"}],
            "labels": labels,
        }
        (folder / "signature.json").write_text(json.dumps(signature))
        np.savez(folder / "sample.npz", x=np.array([[1.0, 2.0]]), y=np.array([[0.1, 0.7, 0.2]]))
        if photograph is not None:
            (folder / "sample.png").write_bytes(photograph)
        return folder

    return write
