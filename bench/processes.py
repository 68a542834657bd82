"""A server's processes: started in a session of their own, watched, and ended by that session alone."""

import http.client
import os
import signal
import subprocess
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.errors import BenchError

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.005
SAMPLE_SECONDS = 0.5
TAIL = 15
"""Lines of a server's log that are shown when it fails."""

KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")
"""Of the environment; a setting meant for another server would change what is measured."""


@dataclass(kw_only=True)
class Running:
    """A server that answers."""

    port: int
    session: int
    """The id of its session, which is its first process's."""

    cold_start_seconds: float
    """From exec to the first 200 of its readiness endpoint."""

    peak_bytes: int = field(default=0)
    """The most resident memory that its processes held together when looked at."""

    processes: int = field(default=0)
    """The most processes that it had when looked at."""

    def resident_bytes(self) -> int:
        """Return the resident memory of all its processes; what they share is counted for each."""
        sizes = [_resident(pid) for pid in members(self.session)]
        self.processes = max(self.processes, len(sizes))
        self.peak_bytes = max(self.peak_bytes, sum(sizes))
        return sum(sizes)


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    folder: Path,
    port: int,
    ready: str,
    log: Path,
) -> Generator[Running]:
    """Start a server, wait until it is ready, watch its memory, and end it whatever happens.

    Args:
        command: what to start.
        env: beside the few variables that are kept of this process's.
        folder: where to start it.
        port: where it listens, on 127.0.0.1.
        ready: the path that answers 200 once the server predicts.
        log: takes what it writes.

    Raises:
        BenchError: it ended, or was not ready in time; the message ends as its log does.

    """
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**kept, **env},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    over = threading.Event()
    try:
        _wait(process, port, ready, log)
        server = Running(port=port, session=process.pid, cold_start_seconds=time.perf_counter() - start)
        watch = threading.Thread(target=_watch, args=(server, over), daemon=True)
        watch.start()
        yield server
        if process.poll() is not None:
            raise BenchError(f"the server ended with {process.returncode} under load{_tail(log)}")
    finally:
        over.set()
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its whole session: SIGTERM, then SIGKILL for those that stay."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # Some servers leave processes of other groups behind. The session's number cannot be another's as long
    # as one of its processes is there.
    deadline = time.monotonic() + STOP_SECONDS
    while (left := members(process.pid)) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.poll()
        time.sleep(POLL_SECONDS)


def members(session: int) -> list[int]:
    """Return the processes of a session."""
    found: list[int] = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == session and Path(f"/proc/{pid}/exe").exists():
                found.append(pid)
    return found


def _wait(process: subprocess.Popen[bytes], port: int, ready: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port, ready):
        if process.poll() is not None:
            raise BenchError(f"the server ended with {process.returncode} before it was ready{_tail(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"the server was not ready within {START_SECONDS:.0f} s{_tail(log)}")
        time.sleep(POLL_SECONDS)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _watch(server: Running, over: threading.Event) -> None:
    while not over.wait(SAMPLE_SECONDS):
        server.resident_bytes()


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-TAIL:]
    return "\n".join([f"; {log} ends with:", *lines])
