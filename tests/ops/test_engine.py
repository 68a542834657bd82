"""How Pulumi's CLI is called, and, where it is on PATH, that it sees the program as the mocks do."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ops import engine
from ops.errors import OperationError
from ops.program import run
from ops.stack import PROJECT, Stack
from tests.conftest import StackOf
from tests.ops.conftest import Programs

CWD = f"pulumi --cwd {PROJECT}"


@pytest.fixture
def pulumi(programs: Programs) -> Programs:
    programs.add(
        "pulumi",
        (["stack", "output"], '{"url": "http://127.0.0.1:1"}', 0),
        (["stack", "ls"], '[{"name": "acme/slipway/dev", "resourceCount": 16}, {"name": "prod"}]', 0),
    )
    return programs


HISTORY = f"{CWD} stack history --show-secrets --json --page-size=1 --stack"


def test_a_local_stack_is_updated_without_a_question(pulumi: Programs):
    assert engine.up(Stack.read("dev"), agreed=False) == {"url": "http://127.0.0.1:1"}

    assert pulumi.lines == [
        f"{CWD} up --refresh --stack dev --yes --skip-preview",
        f"{CWD} stack output --json --stack dev",
    ]


@pytest.mark.parametrize(("agreed", "consent"), [(False, ""), (True, " --yes")])
def test_a_shared_stack_is_changed_after_its_preview(pulumi: Programs, agreed: bool, consent: str):
    engine.up(Stack.read("prod"), agreed=agreed)
    engine.destroy(Stack.read("prod"), agreed=agreed, has_artifacts=True)

    assert pulumi.lines[0] == f"{CWD} up --refresh --stack prod{consent}"
    assert pulumi.lines[2] == f"{CWD} destroy --stack prod{consent}"


@pytest.mark.parametrize("has_artifacts", [False, True])
def test_the_program_runs_before_the_refresh_reads_the_state(pulumi: Programs, has_artifacts: bool):
    engine.up(Stack.read("dev"), agreed=False)
    engine.destroy(Stack.read("dev"), agreed=False, has_artifacts=has_artifacts)

    runs = {call["arguments"][2]: "PULUMI_RUN_PROGRAM" in call["variables"] for call in pulumi.calls}
    # Without its model the program cannot run.
    assert runs == {"up": True, "stack": False, "destroy": has_artifacts}


def test_everything_that_an_update_needs_is_checked(pulumi: Programs):
    engine.check(Stack.read("dev"), agreed=False)

    assert pulumi.lines == [
        f"{CWD} whoami --non-interactive",
        f"{CWD} stack select --create dev",
        f"{HISTORY} dev",
    ]


@pytest.mark.parametrize(
    ("stack", "way_out"), [("dev", "; or do without the engine: ENGINE=kubectl"), ("prod", "")]
)
def test_the_error_without_a_login_says_how_to_log_in(programs: Programs, stack: str, way_out: str):
    programs.add("pulumi", (["whoami"], "error: this command requires logging in", 3))

    with pytest.raises(OperationError, match=r"run `pulumi login --local`.* or `pulumi login`") as raised:
        engine.check(Stack.read(stack), agreed=True)

    assert ("ENGINE=kubectl" in str(raised.value)) is bool(way_out)
    assert len(programs.lines) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["select"], "could not create secrets manager for new stack: passphrase must be set"),
        (["history"], "decrypting secrets: incorrect passphrase"),
    ],
)
def test_the_error_without_a_passphrase_names_the_variable_to_set(
    programs: Programs, words: list[str], says: str
):
    programs.add("pulumi", (words, f"error: {says}", 1))

    with pytest.raises(OperationError, match=rf"(?s){says}.*set PULUMI_CONFIG_PASSPHRASE .* of stack dev"):
        engine.check(Stack.read("dev"), agreed=False)


def test_another_failure_is_reported_with_pulumis_message(programs: Programs):
    programs.add("pulumi", (["select"], "error: no such host", 1))

    with pytest.raises(OperationError, match="no such host") as raised:
        engine.check(Stack.read("dev"), agreed=False)

    assert "PULUMI_CONFIG_PASSPHRASE" not in str(raised.value)


def test_a_shared_stack_without_a_terminal_is_refused(pulumi: Programs):
    with pytest.raises(OperationError, match=r"stack prod .* no terminal to ask at: .*YES=1"):
        engine.check(Stack.read("prod"), agreed=False)

    assert len(pulumi.lines) == 1
    engine.check_consent(Stack.read("prod"), agreed=True)
    engine.check_consent(Stack.read("dev"), agreed=False)


def test_removing_the_state_keeps_the_stacks_configuration(pulumi: Programs):
    engine.remove_state(Stack.read("dev"))

    assert pulumi.lines == [f"{CWD} stack rm --force --preserve-config --yes --stack dev"]


@pytest.mark.usefixtures("pulumi")
@pytest.mark.parametrize(("stack", "resources"), [("dev", 16), ("prod", 0), ("watched", None)])
def test_the_state_of_a_stack_is_found_by_name_in_any_organisation(stack: str, resources: int | None):
    assert engine.resources(Stack.read(stack)) == resources


def test_pulumi_is_installed_if_it_is_on_path(only: Programs):
    assert not engine.installed()
    only.add("pulumi")
    assert engine.installed()


@pytest.mark.skipif(not shutil.which("pulumi"), reason="needs `pulumi` on PATH, which is not there")
def test_a_preview_of_the_engine_has_the_resources_that_the_mocks_recorded(
    stack_of: StackOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stack = stack_of()
    project = tmp_path / "project"
    project.mkdir()
    for name in ("Pulumi.yaml", "__main__.py", "infra", "app", ".venv", "requirements.txt"):
        (project / name).symlink_to(PROJECT / name)
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{state}")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "a test's")
    # No cluster is asked, and none of this machine's by accident.
    monkeypatch.setenv("KUBECONFIG", os.devnull)

    def pulumi(*arguments: str) -> str:
        return subprocess.run(
            ["pulumi", "--cwd", project, "--non-interactive", *arguments],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    pulumi("stack", "init", "prod")
    for key in ("model", "modelDirectory", "registry"):
        pulumi("config", "set", key, stack.get(key))
    steps = json.loads(pulumi("preview", "--json"))["steps"]

    declared = {(item.type, item.name) for item in run(stack).resources}
    previewed = {
        (step["newState"]["type"], step["urn"].rpartition("::")[2])
        for step in steps
        if step["newState"]["type"] != "pulumi:pulumi:Stack"
    }
    assert previewed == declared
