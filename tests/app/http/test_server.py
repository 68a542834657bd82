"""The process as Kubernetes runs it: probes, ports, signals and exit codes."""

import re
import socket
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

from tests.app.process import SAMPLE, Process

GATED = """
    import time
    from pathlib import Path
    from app import runtimes
    real, gate = runtimes.load, Path({gate!r})
    def load(*arguments):
        while not gate.exists():
            time.sleep(0.01)
        return real(*arguments)
    runtimes.load = load
"""
"""A model that loads when a file appears."""

STUCK = """
    import time
    from app import runtimes
    real = runtimes.load
    def load(*arguments):
        run = real(*arguments)
        def stuck(inputs):
            if inputs["x"].max() > 100:
                time.sleep(600)
            return run(inputs)
        return stuck
    runtimes.load = load
"""
"""A model that does not return from large values."""

HELD = """
    import time
    from pathlib import Path
    import uvicorn
    main_loop = uvicorn.Server.main_loop
    async def held(self):
        await main_loop(self)
        Path({held!r}).touch()
        while not Path({gate!r}).exists():
            time.sleep(0.01)
    uvicorn.Server.main_loop = held
"""
"""An event loop that stands still from the signal until a file appears, just before the port is closed."""


@contextmanager
def half_a_request(server: Process, body: bytes = SAMPLE) -> Generator[socket.socket]:
    """Send a request but for its last byte, so that it is in flight until that comes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request_head(body) + body[:-1])
        deadline = time.monotonic() + 60
        while not in_flight(server).endswith(" 1.0"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield connection


def request_head(body: bytes) -> bytes:
    head = (
        "POST /predict HTTP/1.1\r\nhost: x\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode()


def in_flight(server: Process) -> str:
    lines = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics").text.splitlines()
    return next(line for line in lines if line.startswith("request_in_flight{"))


def answer_of(connection: socket.socket) -> bytes:
    answer = b""
    while chunk := connection.recv(65536):
        answer += chunk
    return answer


def test_it_lives_before_it_is_ready(start: Callable[..., Process], tmp_path: Path):
    gate = tmp_path / "gate"
    server = start(before=GATED.format(gate=str(gate)))

    server.wait_for("/health/live")
    assert httpx.get(f"{server.url}/health/ready").status_code == 503
    assert httpx.get(f"{server.url}/health").status_code == 503
    gate.touch()
    server.wait_for("/health/ready")

    assert httpx.post(f"{server.url}/predict", content=SAMPLE).status_code == 200


def test_metrics_are_on_their_own_port(start: Callable[..., Process]):
    server = start()
    server.wait_for("/health/ready")
    httpx.post(f"{server.url}/predict", content=SAMPLE)

    response = httpx.get(f"http://127.0.0.1:{server.metrics_port}/metrics")

    assert 'request_count_total{code="200",model="tiny",version="0123456789ab"} 1.0' in response.text
    assert "process_resident_memory_bytes" in response.text
    assert httpx.get(f"{server.url}/metrics").status_code == 404


def test_after_sigterm_readiness_goes_first_and_requests_are_answered_through_the_delay(
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


def wait_for_a_shut_door(server: Process) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", server.port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("it still accepts connections")


def test_a_request_in_flight_is_answered_after_the_door_is_shut(start: Callable[..., Process]):
    server = start(drain_timeout_seconds=15)
    server.wait_for("/health/ready")
    with half_a_request(server) as connection:
        server.terminate()
        wait_for_a_shut_door(server)
        connection.sendall(SAMPLE[-1:])
        answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert server.exit_code() == 0


def test_a_client_in_the_kernels_queue_is_answered_before_the_port_is_closed(
    start: Callable[..., Process], tmp_path: Path
):
    held, gate = tmp_path / "held", tmp_path / "gate"
    server = start(before=HELD.format(held=str(held), gate=str(gate)))
    server.wait_for("/health/ready")
    server.terminate()
    wait_for_a_file(held)
    with ExitStack() as open_connections:
        # The kernel accepts them and keeps what they send: the server itself stands still.
        clients = [
            open_connections.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            for _ in range(20)
        ]
        for client in clients:
            client.sendall(request_head(SAMPLE) + SAMPLE)
        gate.touch()

        assert {answer_of(client)[:13] for client in clients} == {b"HTTP/1.1 200 "}
    assert server.exit_code() == 0


def wait_for_a_file(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def test_a_request_that_outlasts_the_drain_does_not_hold_the_exit(start: Callable[..., Process]):
    server = start(before=STUCK, drain_timeout_seconds=1)
    server.wait_for("/health/ready")
    with half_a_request(server, b"[999,0,0,0,0,0]") as connection:
        connection.sendall(b"]")
        began = time.monotonic()
        server.terminate()

        assert server.exit_code() == 0
    assert time.monotonic() - began >= 1


def test_a_second_signal_ends_at_once(start: Callable[..., Process]):
    server = start(drain_delay_seconds=600, drain_timeout_seconds=600)
    server.wait_for("/health/ready")
    with half_a_request(server):
        server.terminate()
        server.wait_for("/health/ready", 503)
        server.terminate()

        assert server.exit_code() == 0


def test_a_signal_while_the_model_loads_ends_it(start: Callable[..., Process], tmp_path: Path):
    server = start(before=GATED.format(gate=str(tmp_path / "never")))
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

    assert not [line for line in server.logged() if "/predict" in str(line) or "request" in line["message"]]


def test_a_model_that_cannot_be_loaded_ends_the_process_with_one_clear_line(
    start: Callable[..., Process], tiny: Path, tmp_path: Path
):
    broken = tmp_path / "broken"
    (broken / "onnx").mkdir(parents=True)
    for name in ("signature.json", "sample.npz"):
        (broken / name).write_bytes((tiny / name).read_bytes())
    (broken / "onnx" / "model.onnx").write_bytes(b"not a model")

    server = start(broken)

    assert server.exit_code() == 1
    (line,) = [line for line in server.logged() if line["level"] == "ERROR"]
    assert line["message"].startswith(f"model not loaded: {broken}: onnx cannot serve it")
    assert "Traceback" in line["exc_info"]


def test_a_gpu_that_is_wanted_and_not_there_ends_the_process_with_one_line_that_says_what_to_do(
    start: Callable[..., Process],
):
    # As a machine without a GPU sees it, whatever this one has.
    server = start(before="import onnxruntime as ort; ort.get_available_providers = lambda: []", device="gpu")

    assert server.exit_code() == 1
    (line,) = [line for line in server.logged() if line["level"] == "ERROR"]
    assert re.match(
        "model not loaded: SLIPWAY_DEVICE=gpu: ONNX Runtime .* without CUDA; .*set SLIPWAY_DEVICE to cpu",
        line["message"],
    )


def test_a_missing_artifact_ends_the_process_with_one_clear_line(
    start: Callable[..., Process], tmp_path: Path
):
    server = start(tmp_path / "nothing")

    assert server.exit_code() == 1
    (line,) = server.logged()
    assert "SLIPWAY_MODEL_PATH must be an artifact folder" in line["message"]


def test_a_port_that_is_taken_ends_the_process(start: Callable[..., Process]):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for port in ("port", "metrics_port"):
            server = start(**{port: taken.getsockname()[1]})

            assert server.exit_code() > 0
            assert "address already in use" in server.log.read_text().lower()
            assert all(server.logged())


def test_wrong_settings_end_the_process_with_2_and_a_line_each(start: Callable[..., Process]):
    server = start(runtime="caffe", threads=0)

    assert server.exit_code() == 2
    lines = server.log.read_text().splitlines()
    assert [line.partition("=")[0] for line in lines] == ["SLIPWAY_RUNTIME", "SLIPWAY_THREADS"]


def test_serving_onnx_imports_no_other_framework_and_writes_no_file(
    start: Callable[..., Process], tmp_path: Path
):
    report = tmp_path / "report"
    server = start(
        before=f"""
            import os, sys
            WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
            written = []
            def watch(event, arguments):
                if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
                    written.append(str(arguments[0]))
                if event in ("os.mkdir", "os.rename", "os.remove", "tempfile.mkstemp", "tempfile.mkdtemp"):
                    written.append(event)
            sys.dont_write_bytecode = True
            sys.addaudithook(watch)
            leave = os._exit
            def report(status):
                seen = list(written)
                with open({str(report)!r}, "w") as file:
                    file.write("\\n".join(["written:", *seen, "modules:", *sys.modules]))
                leave(status)
            os._exit = report
        """
    )
    server.wait_for("/health/ready")
    httpx.post(f"{server.url}/predict", content=SAMPLE)
    httpx.get(f"{server.url}/openapi.json")
    server.terminate()
    assert server.exit_code() == 0

    written, _, modules = report.read_text().partition("modules:\n")
    assert written.split() == ["written:"]
    assert "onnxruntime" in modules.split()
    assert not {"torch", "tensorflow", "onnx", "google.protobuf", "sympy", "httpx"} & set(modules.split())
