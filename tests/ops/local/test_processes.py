import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops.errors import OperationError
from ops.local import processes

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""

Start = Callable[[str, str], psutil.Process]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(processes, "PIDS", tmp_path / "pids")
    monkeypatch.setattr(processes, "LOGS", tmp_path / "logs")
    return tmp_path


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Generator[Start]:
    """Starts a Python program under a name; ends what the test leaves."""
    children: list[subprocess.Popen[Any]] = []
    popen = subprocess.Popen

    def spy(*args, **kwargs):
        children.append(popen(*args, **kwargs))
        return children[-1]

    monkeypatch.setattr(processes.subprocess, "Popen", spy)

    def run(name: str, code: str) -> psutil.Process:
        processes.start(name, [sys.executable, "-c", code])
        return psutil.Process(children[-1].pid)

    yield run
    for child in children:
        child.kill()
        child.wait()


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_started_process_is_found_until_it_is_stopped(start: Start):
    process = start("sleeper", "import time; time.sleep(60)")
    assert processes.find("sleeper") == process

    processes.stop(["sleeper"])

    assert processes.find("sleeper") is None
    assert not process.is_running()
    assert processes.started() == []


def test_a_process_that_ended_by_itself_is_not_found(start: Start):
    start("brief", "")

    eventually(lambda: processes.find("brief") is None)
    assert processes.started() == ["brief"]


def test_a_later_process_with_the_same_pid_is_neither_found_nor_stopped(start: Start, folders: Path):
    process = start("stranger", "import time; time.sleep(60)")
    note = folders / "pids" / "stranger"
    note.write_text(json.dumps({**json.loads(note.read_text()), "created": 1.0}))

    assert processes.find("stranger") is None
    processes.stop(["stranger"])

    assert process.is_running()


def test_a_process_that_ignores_sigterm_is_killed(
    start: Start, folders: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.2)
    process = start("stubborn", STUBBORN)
    log = folders / "logs" / "stubborn.log"
    eventually(lambda: log.exists() and log.read_text() == "deaf\n")

    processes.stop(["stubborn"])

    assert not process.is_running()


def test_processes_are_listed_in_the_order_of_their_start(start: Start):
    for name in ("etcd", "api", "node"):
        start(name, "")

    assert processes.started() == ["etcd", "api", "node"]


def test_the_error_for_a_process_that_ended_has_the_end_of_its_log(start: Start):
    start("broken", "raise SystemExit('no such flag')")

    with pytest.raises(OperationError, match=r"(?s)broken ended before it listens; .*no such flag"):
        processes.wait_for("broken", "it listens", lambda: False, seconds=10)


def test_the_error_for_a_process_that_is_never_ready_names_its_log(start: Start):
    start("slow", "import time; time.sleep(60)")

    with pytest.raises(OperationError, match=r"it listens took longer than 0 s; see .*slow\.log"):
        processes.wait_for("slow", "it listens", lambda: False, seconds=0.1)


def test_waiting_ends_as_soon_as_the_process_is_ready(start: Start):
    start("quick", "import time; time.sleep(60)")

    processes.wait_for("quick", "it listens", lambda: True, seconds=0)
