"""Run the model server as a child process and print its log for a person."""

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
STANDARD_FIELDS = {"level", "logger", "message", "time"}
"""The fields that every line of the log has. Only the other fields are printed after the message."""


class Server:
    """A running `python -m app`. Its log is printed to stderr."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        """Start the server.

        Args:
            settings: values by the names in app/settings.py; settings that are not given come from the
                environment.

        """
        given = {f"SLIPWAY_{name.upper()}": str(value) for name, value in settings.items()}
        # The server has its own process group, so that Ctrl-C in a terminal interrupts only this process,
        # which then stops the server.
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
        assert self._process.stdout is not None  # noqa: S101 - stdout=PIPE
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._reader = threading.Thread(target=self._print_log, args=[self._process.stdout], daemon=True)
        self._reader.start()

    def wait_until_ready(self, url: str) -> None:
        """Wait until the server is ready.

        Args:
            url: the base URL of the server.

        Raises:
            OperationError: the server ended; the message has the end of its log.

        """
        with httpx.Client() as client:
            while not _is_ready(client, url):
                if self._process.poll() is not None:
                    raise self._ended()
                time.sleep(POLL_SECONDS)

    def wait(self) -> None:
        """Wait until the server ends by itself.

        Raises:
            OperationError: always, when the server has ended; the message has the end of its log.

        """
        self._process.wait()
        raise self._ended()

    def stop(self) -> None:
        """Let the server answer the requests that it has accepted, then end. A second Ctrl-C kills it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait()
        except KeyboardInterrupt:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _print_log(self, log: IO[str]) -> None:
        with log:
            for line in log:
                text = _readable(line.rstrip())
                self._last.append(text)
                say(f"  server: {text}")

    def _ended(self) -> OperationError:
        status = self._process.wait()
        self._reader.join()
        last = "\n".join(f"  {line}" for line in self._last)
        return OperationError(f"the server ended with status {status}; its log ends with:\n{last}")


@contextmanager
def stop_at_exit(server: Server) -> Generator[Server]:
    """Stop the server when the block ends. SIGTERM ends the block as Ctrl-C does."""
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


def _readable(line: str) -> str:
    """Return a JSON line of the log as text for a person; return any other line unchanged."""
    try:
        entry: dict[str, Any] = json.loads(line)
        more = ", ".join(f"{name} {value}" for name, value in entry.items() if name not in STANDARD_FIELDS)
        return f"{entry['message']} ({more})" if more else entry["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return line
