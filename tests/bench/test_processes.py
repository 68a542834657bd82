import os
import sys
import time
from pathlib import Path

import pytest

from bench import processes
from bench.errors import BenchError
from bench.processes import running

SERVER = """
import http.server, subprocess, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

# It leaves the group and the session, and ignores SIGTERM.
sleep = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
away = subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True, stdout=subprocess.PIPE)
away.stdout.readline()
open(sys.argv[2], "w").write(str(away.pid))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def start(tmp_path: Path, unused_port: int, code: str = SERVER, env: dict[str, str] | None = None):
    return running(
        [sys.executable, "-c", code, str(unused_port), str(tmp_path / "pid")],
        env=env or {},
        folder=tmp_path,
        port=unused_port,
        ready="/",
        log=tmp_path / "log",
    )


def alive(pid: int) -> bool:
    return pid in {each.pid for each in processes.living()}


def test_a_server_is_ended_with_what_left_its_session(tmp_path: Path, unused_port: int):
    with start(tmp_path, unused_port) as server:
        away = int((tmp_path / "pid").read_text())
        pids = {each.pid for each in server.family.members()}
        assert away in pids
        assert len(pids) == 2

    assert not any(alive(pid) for pid in pids)


def test_a_server_is_ended_when_the_measuring_fails(tmp_path: Path, unused_port: int):
    pids: set[int] = set()

    def measure():
        with start(tmp_path, unused_port) as server:
            pids.update(each.pid for each in server.family.members())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure()

    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


def test_the_memory_of_all_its_processes_is_counted_and_the_most_is_kept(tmp_path: Path, unused_port: int):
    with start(tmp_path, unused_port) as server:
        both = server.resident_bytes()
        away = next(
            each for each in server.family.members() if each.pid == int((tmp_path / "pid").read_text())
        )
        os.kill(away.pid, 9)
        deadline = time.monotonic() + 60
        while len(server.family.members()) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)

        assert server.resident_bytes() <= both - away.resident_bytes // 2
        assert server.peak_bytes >= both
        assert server.processes == 2


def test_a_server_that_ends_before_it_is_ready_is_told_with_its_log(tmp_path: Path, unused_port: int):
    with (
        pytest.raises(BenchError, match=r"(?s)ended with 3 before it was ready.*\nno model$"),
        start(tmp_path, unused_port, "import sys; print('no model'); sys.exit(3)"),
    ):
        pass


def test_a_setting_of_this_process_does_not_reach_a_server(
    tmp_path: Path, unused_port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SLIPWAY_BATCH_SIZE", "1")
    check = "import os; assert os.environ['MINE'] == 'set'; assert 'SLIPWAY_BATCH_SIZE' not in os.environ"

    with start(tmp_path, unused_port, f"{check}\n{SERVER}", {"MINE": "set"}) as server:
        assert server.cold_start_seconds > 0
