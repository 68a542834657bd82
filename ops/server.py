"""The model server as a child process of this machine, with its log told in words."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import httpx

from ops.errors import OperationError
from ops.progress import say
from ops.stack import PROJECT

LAST_LINES = 20
POLL_SECONDS = 0.1
TOLD = {"level", "logger", "message", "time"}
"""Members of a line of the log that are not an addition to its message."""


class Server:
    """`python -m app`, started with settings of its own. What it logs is passed on to stderr."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        """Start it.

        Args:
            settings: by the names of app/settings.py; others are taken from the environment.

        """
        given = {f"SLIPWAY_{name.upper()}": str(value) for name, value in settings.items()}
        # In a process group of its own: Ctrl-C in a terminal reaches this process alone, which passes it on.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=PROJECT,
            env={**os.environ, **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._reader = threading.Thread(target=self._pass_on, args=[self._process.stdout], daemon=True)
        self._reader.start()

    def wait_until_ready(self, url: str) -> None:
        """Wait until the server says that it is ready.

        Raises:
            OperationError: it has ended, with its last words.

        """
        with httpx.Client() as client:
            while not _is_ready(client, url):
                if self._process.poll() is not None:
                    raise self._ended()
                time.sleep(POLL_SECONDS)

    def wait(self) -> None:
        """Wait until the server ends by itself.

        Raises:
            OperationError: it has ended, with its last words.

        """
        self._process.wait()
        raise self._ended()

    def stop(self) -> None:
        """Let the server answer what it has accepted, and end. A second Ctrl-C ends it at once."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait()
        except KeyboardInterrupt:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _pass_on(self, log: IO[str]) -> None:
        with log:
            for line in log:
                words = _words(line.rstrip())
                self._last.append(words)
                say(f"  server: {words}")

    def _ended(self) -> OperationError:
        status = self._process.wait()
        self._reader.join()
        last = "\n".join(f"  {line}" for line in self._last)
        return OperationError(f"the server has ended with status {status}; its last words:\n{last}")


@contextmanager
def stopped_at_the_end(server: Server) -> Generator[Server]:
    """Stop the server when the block ends, by SIGTERM too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield server
    finally:
        signal.signal(signal.SIGTERM, before)
        server.stop()


def _is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/health/ready").is_success
    except httpx.HTTPError:
        return False


def _words(line: str) -> str:
    """Return a line of the log for a person to read; what is no JSON stays as it is."""
    try:
        entry: dict[str, Any] = json.loads(line)
        more = ", ".join(f"{name} {value}" for name, value in entry.items() if name not in TOLD)
        return f"{entry['message']} ({more})" if more else entry["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
