import sys
from pathlib import Path

import pytest
import yaml

from ops import __main__ as ops
from ops.deploy import Deployed
from ops.errors import OperationError
from ops.request import Request
from tests.conftest import VERSION, StackOf
from tests.ops.conftest import Artifact


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    """Runs a command line; returns its exit status."""

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["ops", *arguments])
        return ops.main()

    return run


def test_up_prints_the_prediction_the_outputs_and_a_command_to_try(
    command, artifact: Artifact, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = artifact()
    outputs = {"url": "http://127.0.0.1:30080", "modelVersion": VERSION}
    deployed = Deployed(artifact=folder, outputs=outputs, prediction={"label": "b"})
    monkeypatch.setattr(ops.deploy, "up", lambda *_, **__: deployed)

    assert command("up") == 0

    assert capsys.readouterr().out.splitlines() == [
        '{"label": "b"}',
        "url:          http://127.0.0.1:30080",
        f"modelVersion: {VERSION}",
        f"try it:       {Request.of(folder).curl('http://127.0.0.1:30080')}",
        "look at it:   http://127.0.0.1:30080/docs",
    ]


def test_render_writes_yaml_to_stdout_and_nothing_else(
    command, stack_of: StackOf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    stack = stack_of(modelVersion=VERSION)
    monkeypatch.setattr(ops.Stack, "read", lambda _: stack)

    assert command("render", "--stack", "prod") == 0

    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    assert {item["kind"] for item in objects} >= {"Namespace", "Deployment", "Service"}


def test_an_error_is_printed_to_stderr_and_the_status_is_1(command, capsys: pytest.CaptureFixture[str]):
    assert command("render", "--stack", "nowhere") == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: no stack 'nowhere'")


def test_an_interrupt_ends_with_status_130_and_without_a_traceback(command, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ops.deploy, "down", interrupted)

    assert command("down") == 130


def test_an_unexpected_exception_is_raised(command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ops.deploy, "down", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        command("down")


def test_smoke_sends_a_request_to_the_running_stack(
    command, artifact: Artifact, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    asked: list[tuple[str, Path, str | None]] = []
    monkeypatch.setenv("SLIPWAY_API_KEY", "the-key-01234567")

    def smoke(url: str, folder: Path, key: str | None) -> dict[str, str]:
        asked.append((url, folder, key))
        raise OperationError("nobody answers")

    monkeypatch.setattr(ops.deploy, "address", lambda *_: "http://127.0.0.1:1")
    monkeypatch.setattr(ops, "ensure_artifact", lambda _: artifact())
    monkeypatch.setattr(ops, "smoke", smoke)

    assert command("smoke") == 1

    assert asked == [("http://127.0.0.1:1", artifact(), "the-key-01234567")]
    assert capsys.readouterr().err == "error: nobody answers\n"


def test_the_options_engine_and_yes_are_passed_on(command, monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, bool]] = []
    monkeypatch.setattr(ops.deploy, "down", lambda _, choice, *, agreed: asked.append((choice, agreed)))

    command("down")
    command("down", "--engine", "kubectl", "--yes")

    assert asked == [("auto", False), ("kubectl", True)]
