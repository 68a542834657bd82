"""The server as a process of its own, on free ports of 127.0.0.1."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
SAMPLE = b"[0,0,0,0,0,0]"


class Process:
    """A server on free ports of 127.0.0.1."""

    def __init__(
        self,
        artifact: Path,
        log: Path,
        before: str = "",
        environment: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        self.port, self.metrics_port = free_ports()
        self.log = log
        self.url = f"http://127.0.0.1:{self.port}"
        whole = {
            **(environment or {}),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SLIPWAY_MODEL_PATH": artifact,
            "SLIPWAY_HOST": "127.0.0.1",
            "SLIPWAY_PORT": self.port,
            "SLIPWAY_METRICS_PORT": self.metrics_port,
            "SLIPWAY_DRAIN_DELAY_SECONDS": 0,
            **{f"SLIPWAY_{name.upper()}": value for name, value in settings.items()},
        }
        # Run as __main__ either way, so that the exit is the real one.
        run = f"{textwrap.dedent(before)}\nimport runpy\nrunpy.run_module('app', run_name='__main__')"
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *(["-c", run] if before else ["-m", "app"])],
                env={name: str(value) for name, value in whole.items()},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, path: str, status: int = 200) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}{path}").status_code == status:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{path} did not answer {status}\n{self.log.read_text()}")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait until the process ends. A minute is much more than it needs even on a busy machine."""
        return self.process.wait(60)

    def logged(self) -> list[dict]:
        """Every line of output. Fails where one is not JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def free_ports() -> tuple[int, int]:
    """Two ports of those that no outgoing connection gets: it could take one before the server does."""
    found: list[int] = []
    while len(found) < 2:
        port = random.randrange(20_000, 32_000)
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found[0], found[1]
