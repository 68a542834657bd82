"""The process as Kubernetes runs it: probes, ports, signals and exit codes."""

import socket
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.app.http.wire import REQUEST, connect, post, read_responses, read_statuses, wait_for_metric
from tests.app.process import SAMPLE, Process

LOAD_WAITS_FOR_FILE = """
    import time
    from pathlib import Path
    from app import runtimes
    load, gate = runtimes.load, Path({gate!r})
    def load_later(*arguments):
        while not gate.exists():
            time.sleep(0.01)
        return load(*arguments)
    runtimes.load = load_later
"""
"""Code for the server: models are loaded only when a file exists."""

LARGE_VALUES_HANG = """
    import time
    from app import runtimes
    load = runtimes.load
    def load_hanging(*arguments):
        run = load(*arguments)
        def hang_or_run(inputs):
            if inputs["x"].max() > 100:
                time.sleep(600)
            return run(inputs)
        return hang_or_run
    runtimes.load = load_hanging
"""
"""Code for the server: the model does not return from values above 100."""

LOOP_WAITS_FOR_FILE = """
    import time
    from pathlib import Path
    import uvicorn
    main_loop = uvicorn.Server.main_loop
    async def main_loop_and_wait(self):
        await main_loop(self)
        Path({waiting!r}).touch()
        while not Path({gate!r}).exists():
            time.sleep(0.01)
    uvicorn.Server.main_loop = main_loop_and_wait
"""
"""Code for the server: between the signal and the shutdown the event loop is blocked until a file exists."""


@contextmanager
def half_a_request(server: Process, body: bytes = SAMPLE) -> Generator[socket.socket]:
    """Send a request without its last byte; it is in flight until the last byte is sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(post(b"/predict", body)[:-1])
        wait_for_metric(server, "request_in_flight", 1)
        yield connection


def test_the_server_is_live_before_it_is_ready(start: Callable[..., Process], tmp_path: Path):
    gate = tmp_path / "gate"
    server = start(before=LOAD_WAITS_FOR_FILE.format(gate=str(gate)))

    server.wait_for("/health/live")
    assert httpx.get(f"{server.url}/health/ready").status_code == 503
    assert httpx.get(f"{server.url}/health").status_code == 503
    gate.touch()
    server.wait_for("/health/ready")

    assert httpx.post(f"{server.url}/predict", content=SAMPLE).status_code == 200


def test_metrics_have_their_own_port(start: Callable[..., Process]):
    server = start()
    server.wait_for("/health/ready")
    httpx.post(f"{server.url}/predict", content=SAMPLE)

    response = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics")

    assert 'request_count_total{code="200",model="tiny",version="0123456789ab"} 1.0' in response.text
    assert "process_resident_memory_bytes" in response.text
    assert httpx.get(f"{server.url}/metrics").status_code == 404


def test_after_sigterm_the_server_is_not_ready_but_answers_during_the_drain_delay(
    start: Callable[..., Process],
):
    server = start(drain_delay_seconds=600)
    server.wait_for("/health/ready")

    server.terminate()
    server.wait_for("/health/ready", 503)

    assert httpx.get(f"{server.url}/health/live").status_code == 200
    response = httpx.post(f"{server.url}/predict", content=SAMPLE)
    assert response.status_code == 200
    assert response.headers["connection"] == "close"


def wait_until_refused(server: Process) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", server.port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("the server still accepts connections")


def test_a_request_in_flight_is_answered_after_the_socket_is_closed(start: Callable[..., Process]):
    server = start(drain_timeout_seconds=15)
    server.wait_for("/health/ready")
    with half_a_request(server) as connection:
        server.terminate()
        wait_until_refused(server)
        connection.sendall(SAMPLE[-1:])
        (response,) = read_responses(connection)

    assert (response.status, response.headers["connection"]) == (200, "close")
    assert server.exit_code() == 0


def test_a_client_in_the_kernels_accept_queue_is_answered_before_the_socket_is_closed(
    start: Callable[..., Process], tmp_path: Path
):
    waiting, gate = tmp_path / "waiting", tmp_path / "gate"
    server = start(before=LOOP_WAITS_FOR_FILE.format(waiting=str(waiting), gate=str(gate)))
    server.wait_for("/health/ready")
    server.terminate()
    wait_for_file(waiting)
    with ExitStack() as stack:
        # The kernel accepts the connections and keeps the requests, because the server is blocked.
        clients = [stack.enter_context(connect(server)) for _ in range(20)]
        for client in clients:
            client.sendall(REQUEST)
        gate.touch()

        assert [read_statuses(client) for client in clients] == [[200]] * 20
    assert server.exit_code() == 0


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not exist"
        time.sleep(0.01)


def test_a_request_that_outlasts_the_drain_timeout_does_not_delay_the_exit(start: Callable[..., Process]):
    server = start(before=LARGE_VALUES_HANG, drain_timeout_seconds=1)
    server.wait_for("/health/ready")
    with half_a_request(server, b"[999,0,0,0,0,0]") as connection:
        connection.sendall(b"]")
        start_time = time.monotonic()
        server.terminate()

        assert server.exit_code() == 0
    assert time.monotonic() - start_time >= 1


def test_a_second_signal_ends_the_server_at_once(start: Callable[..., Process]):
    server = start(drain_delay_seconds=600, drain_timeout_seconds=600)
    server.wait_for("/health/ready")
    with half_a_request(server):
        server.terminate()
        server.wait_for("/health/ready", 503)
        server.terminate()

        assert server.exit_code() == 0


def test_a_signal_while_the_model_loads_ends_the_server(start: Callable[..., Process], tmp_path: Path):
    server = start(before=LOAD_WAITS_FOR_FILE.format(gate=str(tmp_path / "never")))
    server.wait_for("/health/live")

    server.terminate()

    assert server.exit_code() == 0


def test_every_line_of_the_log_is_json(start: Callable[..., Process]):
    server = start(log_level="debug")
    server.wait_for("/health/ready")
    httpx.post(f"{server.url}/predict", content=SAMPLE)
    server.terminate()
    assert server.exit_code() == 0

    lines = server.logged()

    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    (loaded,) = [line for line in lines if line["message"] == "model loaded"]
    assert loaded["model"] == "tiny"
    assert loaded["device"] == "cpu"
    assert loaded["seconds"] > 0
    (request,) = [line for line in lines if line["message"] == "request answered"]
    assert request["code"] == 200


def test_requests_are_not_logged_by_default(start: Callable[..., Process]):
    server = start()
    server.wait_for("/health/ready")
    httpx.post(f"{server.url}/predict", content=SAMPLE)
    server.terminate()
    assert server.exit_code() == 0

    assert not [
        line for line in server.logged() if "/predict" in str(line) or line["message"].startswith("request ")
    ]
