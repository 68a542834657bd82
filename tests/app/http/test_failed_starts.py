"""What a server that cannot start says, and what a server that starts leaves alone."""

import re
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx

from tests.app.process import SAMPLE, Process


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


def test_a_missing_gpu_ends_the_process_with_one_line_that_says_what_to_do(
    start: Callable[..., Process],
):
    # ONNX Runtime reports no GPU, also on a machine that has one.
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


def test_a_port_in_use_ends_the_process(start: Callable[..., Process]):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        for port in ("port", "metrics_port"):
            server = start(**{port: other.getsockname()[1]})

            assert server.exit_code() > 0
            assert "address already in use" in server.log.read_text().lower()
            assert all(server.logged())


def test_invalid_settings_end_the_process_with_status_2_and_one_line_for_each(start: Callable[..., Process]):
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
            def record_write(event, arguments):
                if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
                    written.append(str(arguments[0]))
                if event in ("os.mkdir", "os.rename", "os.remove", "tempfile.mkstemp", "tempfile.mkdtemp"):
                    written.append(event)
            sys.dont_write_bytecode = True
            sys.addaudithook(record_write)
            exit = os._exit
            def write_report(status):
                before_report = list(written)
                with open({str(report)!r}, "w") as file:
                    file.write("\\n".join(["written:", *before_report, "modules:", *sys.modules]))
                exit(status)
            os._exit = write_report
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
