"""`python -m ops serve`, as a person runs it, on free ports of 127.0.0.1."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ops import serve as serve_module
from ops.errors import OperationError
from ops.serve import Addresses, serve
from ops.stack import PROJECT, Stack
from tests.app.process import free_ports
from tests.conftest import StackOf

pytestmark = pytest.mark.slow

READY_SECONDS = 100


def export(folder: Path) -> Path:
    """Export the small model; return the folder of its versions."""
    command = [sys.executable, "-m", "model", "export", "digits", "--format", "onnx", "--output", folder]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return folder / "digits"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("models"))


@pytest.fixture
def versions(digits: Path, tmp_path: Path) -> Path:
    """A copy of the model's folder, to change."""
    return Path(shutil.copytree(digits, tmp_path / "digits", symlinks=True))


def free_port() -> int:
    """Return a free port whose next port is free too."""
    while True:
        port, _ = free_ports()
        try:
            Addresses(port=port).check_free()
        except OperationError:
            continue
        return port


class Command:
    """The command, running; what it prints is read as it comes."""

    def __init__(self, log: Path, *arguments: str, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ops", "serve", "--port", str(self.port), *arguments],
                cwd=PROJECT,
                env={**os.environ, "HOME": str(home)},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # Ctrl-C works though the tests may run in the background.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        self.printed: list[str] = []

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                return
        raise AssertionError(self.log.read_text())

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*arguments: str) -> Command:
        started.append(Command(tmp_path / f"{len(started)}.log", *arguments, home=tmp_path))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for command in started:
        if command.process.poll() is None:
            command.end(signal.SIGTERM)
        assert command.process.stdout is not None
        command.process.stdout.close()


def new_version(versions: Path, version: str) -> None:
    """Put another version in place, as an export does, and let `latest` name it."""
    draft = versions / f".{version}"
    shutil.copytree((versions / "latest").resolve(), draft)
    signature = json.loads((draft / "signature.json").read_text())
    (draft / "signature.json").write_text(json.dumps({**signature, "version": version}))
    draft.rename(versions / version)
    (versions / ".latest").symlink_to(version)
    (versions / ".latest").replace(versions / "latest")


def curl_lines(command: Command) -> list[str]:
    return [line for line in command.printed if line.startswith("curl ")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl: apt-get install curl")
def test_every_printed_curl_line_works_and_ctrl_c_stops_the_server(
    run: Callable[..., Command], versions: Path, tmp_path: Path
):
    command = run("--model", str(versions / "latest"))
    # The lines run as they are printed: the file .curlrc makes curl print the status code.
    (tmp_path / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
    lines = curl_lines(command)

    assert len(lines) == 4
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True
        )
        body, code = done.stdout.rsplit("\n", 1)
        assert code == "200", done.stdout
        assert json.loads(body)["model_name"] == "digits"
    for name in ("page", "API", "metrics"):
        (address,) = (line.split()[1] for line in command.printed if line.startswith(f"{name}:"))
        assert httpx.get(address).status_code == 200

    assert command.end() == 0
    log = command.log.read_text()
    assert log.endswith("stopped\n")
    assert "Traceback" not in log
    Addresses(port=command.port).check_free()


def test_a_new_version_is_loaded_and_no_request_is_lost(run: Callable[..., Command], versions: Path):
    command = run("--model", str(versions / "latest"))
    sample = httpx.get(f"{command.url}/web/model.json").json()["example"]
    answers: list[tuple[int, str]] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=command.url) as client:
            while not over.is_set():
                response = client.post("/predict", json=sample)
                answers.append((response.status_code, response.json().get("model_version")))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        old = (versions / "latest").resolve().name
        for version in ("second", "third"):
            new_version(versions, version)
            deadline = time.monotonic() + READY_SECONDS
            while answers[-1:] != [(200, version)]:
                assert time.monotonic() < deadline
                time.sleep(0.02)
    finally:
        over.set()
        asking.join()

    assert set(answers) == {(200, old), (200, "second"), (200, "third")}
    assert httpx.get(f"{command.url}/v2/models/digits").json()["versions"] == ["third"]


def test_the_error_for_a_killed_server_has_the_end_of_its_log(run: Callable[..., Command], versions: Path):
    command = run("--model", str(versions / "latest"))
    children = Path(f"/proc/{command.process.pid}/task/{command.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)

    assert command.process.wait(30) == 1
    output = command.log.read_text()
    assert "error: the server ended with status -9; its log ends with:" in output
    assert output.rindex("model loaded") > output.index("its log ends with:")


def test_the_error_for_a_server_that_cannot_start_has_the_end_of_its_log(stack_of: StackOf, versions: Path):
    (versions / "latest" / "onnx" / "model.onnx").write_bytes(b"not a model")

    with pytest.raises(OperationError, match=r"ended with status 1; its log ends with:\n(.*\n)*.*model.onnx"):
        serve(stack_of(), str(versions / "latest"), free_port())


def test_a_missing_model_is_exported_first(
    stack_of: StackOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    served: list[dict[str, object]] = []

    class Server:
        def __init__(self, settings: dict[str, object]) -> None:
            served.append(settings)
            raise OperationError("enough")

    monkeypatch.setattr(serve_module, "Server", Server)
    stack = stack_of(modelDirectory=str(tmp_path), runtime="onnx")

    with pytest.raises(OperationError, match="enough"):
        serve(stack, "digits", free_port())

    folder = tmp_path / "digits" / "latest"
    assert (folder / "onnx" / "model.onnx").exists()
    assert (served[0]["model_path"], served[0]["runtime"]) == (folder, "onnx")


def test_the_stacks_model_is_the_default(stack_of: StackOf, digits: Path, monkeypatch: pytest.MonkeyPatch):
    stack = stack_of(model="digits", modelDirectory=str(digits.parent))
    monkeypatch.setattr(serve_module, "Server", lambda settings: (_ for _ in ()).throw(Called(settings)))

    with pytest.raises(Called) as called:
        serve(stack, None, free_port())

    assert called.value.args[0]["model_path"] == digits / "latest"


@pytest.mark.parametrize("name", [None, "digits"])
def test_a_model_of_a_list_is_served_from_its_own_folder(
    stack_of: StackOf, digits: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
):
    models = [
        {"model": "digits", "modelDirectory": str(digits.parent)},
        {"model": "cats", "modelDirectory": "nowhere"},
    ]
    monkeypatch.setattr(serve_module, "Server", lambda settings: (_ for _ in ()).throw(Called(settings)))

    with pytest.raises(Called) as called:
        serve(stack_of(models=json.dumps(models)), name, free_port())

    assert called.value.args[0]["model_path"] == digits / "latest"


class Called(Exception):  # noqa: N818 - no error
    """A server would have been started."""


def test_a_model_without_the_stacks_format_is_served_in_its_own_format(
    stack_of: StackOf, versions: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serve_module, "Server", lambda settings: (_ for _ in ()).throw(Called(settings)))

    with pytest.raises(Called) as called:
        serve(stack_of(runtime="savedmodel"), str(versions / "latest"), free_port())

    assert called.value.args[0]["runtime"] == "onnx"


@pytest.mark.parametrize("offset", [0, 1])
def test_a_port_in_use_is_an_error_before_anything_is_done(stack_of: StackOf, offset: int):
    port = free_port()
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()

        with pytest.raises(OperationError, match=rf"port {port + offset} .*make serve PORT={port + 10}"):
            serve(stack_of(), "no-such-model", port)


def test_a_path_that_is_not_an_artifact_is_an_error(stack_of: StackOf, tmp_path: Path):
    with pytest.raises(OperationError, match=r"is not an artifact: .*build/model/NAME/VERSION"):
        serve(stack_of(), str(tmp_path), free_port())


def test_the_stack_of_this_machine_has_a_model_to_serve():
    assert Stack.read("dev").get("model")
