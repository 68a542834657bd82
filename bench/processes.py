"""A server's processes: started in a session of their own, watched, and all of them ended."""

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

from bench.errors import BenchError
from bench.progress import say

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.005
SAMPLE_SECONDS = 0.5
TAIL = 15
"""Lines of a server's log that are shown when it fails."""

KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")
"""Of the environment; a setting meant for another server would change what is measured."""

INTERRUPTED = 130
"""The exit status of what Ctrl-C has ended."""

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process of this machine, as /proc has it."""

    pid: int
    started: int
    """Clock ticks after boot: another process that got its number was started later."""

    parent: int
    session: int
    resident_bytes: int


class Family:
    """A process with all that it started, also where they left its group and session, or outlived it."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._known: set[tuple[int, int]] = set()

    def members(self) -> list[Process]:
        """Return those that live."""
        everybody = living()
        family = {
            member.pid: member
            for member in everybody
            if member.session == self._first or (member.pid, member.started) in self._known
        }
        grown = True
        while grown:
            born = [member for member in everybody if member.parent in family and member.pid not in family]
            family.update({member.pid: member for member in born})
            grown = bool(born)
        self._known = {(member.pid, member.started) for member in family.values()}
        return list(family.values())


@dataclass(kw_only=True)
class Running:
    """A server that answers."""

    port: int
    family: Family
    cold_start_seconds: float
    """From exec to the first 200 of its readiness endpoint."""

    peak_bytes: int = field(default=0)
    """The most resident memory that its processes held together when looked at."""

    processes: int = field(default=0)
    """The most processes that it had when looked at."""

    def resident_bytes(self) -> int:
        """Return the resident memory of all its processes; what they share is counted for member."""
        members = self.family.members()
        resident = sum(member.resident_bytes for member in members)
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
    """Do a command's work; return its status, or 1 after a BenchError, or 130 where it was interrupted."""
    # So that servers are ended as they are after Ctrl-C.
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
    """Ask the group to end; kill what then is left of the family, which some servers leave behind."""
    family.members()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    deadline = time.monotonic() + STOP_SECONDS
    while (left := family.members()) and time.monotonic() < deadline:
        for member in left:
            with suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)
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


def living() -> list[Process]:
    """Return all that live: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
    found: list[Process] = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            # A program's name may hold spaces and brackets.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            found.append(
                Process(
                    pid=int(folder.name),
                    started=int(fields[19]),
                    parent=int(fields[1]),
                    session=int(fields[3]),
                    resident_bytes=int(fields[21]) * PAGE,
                )
            )
    return found


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-TAIL:]
    return "\n".join([f"; {log} ends with:", *lines])
