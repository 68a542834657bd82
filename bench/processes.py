"""Start a server in its own session, watch the memory of its processes, and stop all of them."""

import http.client
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import psutil

from bench.errors import BenchError
from bench.progress import say

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.005
SAMPLE_SECONDS = 0.5
TAIL = 15
"""How many of the last lines of a server's log an error shows."""

INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")
"""Environment variables that a server inherits. Others could change what is measured."""

INTERRUPTED = 130
"""The exit status after Ctrl-C."""


class Family:
    """A process and all its descendants, also those that left its session or that outlived their parent."""

    def __init__(self, first: int) -> None:
        """Follow the family of a process.

        Args:
            first: the PID of the process, which leads a session of its own.

        """
        self._first = first
        self._known: set[psutil.Process] = set()

    def members(self) -> list[psutil.Process]:
        """Return the processes of the family that are alive."""
        alive = [
            process
            for process in psutil.process_iter(["ppid", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
        ]
        family = {
            process.pid: process
            for process in alive
            if process in self._known or _session(process.pid) == self._first
        }
        while children := [
            process for process in alive if process.info["ppid"] in family and process.pid not in family
        ]:
            family.update({child.pid: child for child in children})
        self._known = set(family.values())
        return list(family.values())


@dataclass(kw_only=True)
class Running:
    """A server that is ready, with the memory of its processes."""

    port: int
    family: Family
    cold_start_seconds: float
    """The time from exec to the first 200 of its readiness endpoint."""

    peak_bytes: int = field(default=0)
    """The highest sum of the resident memory of its processes, over all samples."""

    processes: int = field(default=0)
    """The highest number of its processes, over all samples."""

    def resident_bytes(self) -> int:
        """Return the resident memory of all its processes; shared pages count once for every process."""
        members = self.family.members()
        resident = sum(map(_resident_bytes, members))
        self.processes = max(self.processes, len(members))
        self.peak_bytes = max(self.peak_bytes, resident)
        return resident


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
    """Start a server, wait until it is ready, watch its memory, and stop it in any case.

    Args:
        command: the command that starts it.
        env: its environment variables, in addition to those in `INHERITED`.
        folder: the folder in which it runs.
        port: the port on 127.0.0.1 where it listens.
        ready: the path that answers 200 when the server can predict.
        log: the file for its output.

    Raises:
        BenchError: it ended, or was not ready in time; the message has the end of its log.

    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**inherited, **env},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    family, over = Family(process.pid), threading.Event()
    try:
        _wait(process, port, ready, log)
        seconds = time.perf_counter() - start
        server = Running(port=port, family=family, cold_start_seconds=seconds)
        threading.Thread(target=_watch, args=(server, over), daemon=True).start()
        yield server
        if process.poll() is not None:
            raise BenchError(f"the server ended with {process.returncode} under load{_tail(log)}")
    finally:
        over.set()
        _stop(process, family)


def exit_status(work: Callable[[], int]) -> int:
    """Run a command; return its status, or 1 after a BenchError, or 130 after Ctrl-C or SIGTERM."""
    # SIGTERM must stop the servers as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return work()
    except BenchError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _stop(process: subprocess.Popen[bytes], family: Family) -> None:
    """Send SIGTERM to the process group, then kill the processes of the family that are left."""
    family.members()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    deadline = time.monotonic() + STOP_SECONDS
    while (left := family.members()) and time.monotonic() < deadline:
        for member in left:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.poll()
        time.sleep(POLL_SECONDS)


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


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-TAIL:]
    return "\n".join([f"; {log} ends with:", *lines])
