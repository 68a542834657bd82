"""Start and stop the processes of the cluster. A file records each one; no other is stopped."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from ops.errors import OperationError
from ops.local.network import direct
from ops.local.paths import LOGS, STATE

PIDS = STATE / "pids"
STOP_SECONDS = 10


def start(name: str, command: Sequence[str | Path]) -> None:
    """Start a process in the background; its output goes to LOGS/NAME.log."""
    PIDS.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=direct(os.environ),
            start_new_session=True,
        )
    record = {"pid": process.pid, "created": psutil.Process(process.pid).create_time()}
    (PIDS / name).write_text(json.dumps(record))


def find(name: str) -> psutil.Process | None:
    """Return a started process if it still runs; a later process with the same PID is not returned."""
    try:
        record = json.loads((PIDS / name).read_text())
        process = psutil.Process(record["pid"])
        same = process.create_time() == record["created"] and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    return process if same else None


def started() -> list[str]:
    """Return the names of the processes that were started, in the order of their start."""
    if not PIDS.is_dir():
        return []
    return [path.name for path in sorted(PIDS.iterdir(), key=lambda path: path.stat().st_mtime_ns)]


def stop(names: Sequence[str]) -> None:
    """Stop processes at the same time, with SIGTERM first, and delete their records."""
    end([process for name in names if (process := find(name))])
    for name in names:
        (PIDS / name).unlink(missing_ok=True)


def end(processes: Sequence[psutil.Process]) -> None:
    """End processes by SIGTERM, and by SIGKILL if they do not end in time."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=STOP_SECONDS)


def end_shims(socket: Path) -> None:
    """Stop the shims that a containerd left running, found by its socket, and their containers."""
    for process in psutil.process_iter(["name", "cmdline"]):
        command: list[str] = process.info["cmdline"] or []
        if str(process.info["name"]).startswith("containerd-shim") and str(socket) in command:
            with suppress(psutil.NoSuchProcess):
                children = process.children(recursive=True)
                for child in children:
                    with suppress(psutil.NoSuchProcess):
                        child.kill()
                psutil.wait_procs(children, timeout=STOP_SECONDS)
                process.kill()


def wait_for(name: str, what: str, ready: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds that a started process must bring about.

    Args:
        name: the name of the process.
        what: the condition as a clause for messages, such as "containerd listens".
        ready: tells whether the condition holds.
        seconds: how long to wait at most.

    Raises:
        OperationError: the process ended, or the time is over; the message names the log.

    """
    deadline = time.monotonic() + seconds
    while not ready():
        log = LOGS / f"{name}.log"
        if find(name) is None:
            lines = log.read_text(errors="replace").splitlines()[-5:]
            raise OperationError(f"{name} ended before {what}; {log} ends with:\n" + "\n".join(lines))
        if time.monotonic() > deadline:
            raise OperationError(f"{what} took longer than {seconds:.0f} s; see {log}")
        time.sleep(0.2)
