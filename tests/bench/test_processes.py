import sys
import time
from pathlib import Path

import psutil
import pytest

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
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_server_is_stopped_with_the_processes_that_left_its_session(tmp_path: Path, unused_port: int):
    with start(tmp_path, unused_port) as server:
        away = int((tmp_path / "pid").read_text())
        pids = {process.pid for process in server.family.members()}
        assert away in pids
        assert len(pids) == 2

    assert not any(alive(pid) for pid in pids)


def test_a_server_is_stopped_if_the_measurement_fails(tmp_path: Path, unused_port: int):
    pids: set[int] = set()

    def measure():
        with start(tmp_path, unused_port) as server:
            pids.update(process.pid for process in server.family.members())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure()

    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


def test_the_memory_of_all_processes_is_summed_and_its_peak_is_kept(tmp_path: Path, unused_port: int):
    with start(tmp_path, unused_port) as server:
        both = server.resident_bytes()
        away = next(
            process
            for process in server.family.members()
            if process.pid == int((tmp_path / "pid").read_text())
        )
        away_bytes = away.memory_info().rss
        away.kill()
        deadline = time.monotonic() + 60
        while len(server.family.members()) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)

        assert server.resident_bytes() <= both - away_bytes // 2
        assert server.peak_bytes >= both
        assert server.processes == 2


def test_the_error_for_a_server_that_ended_has_the_end_of_its_log(tmp_path: Path, unused_port: int):
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
