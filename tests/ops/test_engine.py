"""How Pulumi's CLI is called, and, where it is on PATH, that it sees the program as the mocks do."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ops import engine
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
        (["stack", "ls"], '[{"name": "acme/slipway/dev"}, {"name": "other"}]', 0),
    )
    return programs


def test_a_local_stack_is_updated_without_a_question(pulumi: Programs):
    assert engine.up(Stack.read("dev")) == {"url": "http://127.0.0.1:1"}

    assert pulumi.lines == [
        f"{CWD} stack select --create dev",
        f"{CWD} up --refresh --stack dev --yes --skip-preview",
        f"{CWD} stack output --json --stack dev",
    ]


def test_a_shared_stack_is_changed_only_after_its_preview_was_seen(pulumi: Programs):
    engine.up(Stack.read("prod"))
    engine.destroy(Stack.read("prod"))

    assert pulumi.lines[1] == f"{CWD} up --refresh --stack prod"
    assert pulumi.lines[3] == f"{CWD} destroy --stack prod"


def test_forgetting_keeps_the_stacks_configuration(pulumi: Programs):
    engine.forget(Stack.read("dev"))

    assert pulumi.lines == [f"{CWD} stack rm --force --preserve-config --yes --stack dev"]


@pytest.mark.usefixtures("pulumi")
def test_a_stack_is_known_by_its_name_in_whatever_organisation():
    assert engine.knows(Stack.read("dev"))
    assert not engine.knows(Stack.read("prod"))


def test_it_is_installed_where_it_is_on_path(only: Programs):
    assert not engine.installed()
    only.add("pulumi")
    assert engine.installed()


@pytest.mark.skipif(not shutil.which("pulumi"), reason="needs `pulumi` on PATH, which is not there")
def test_the_engine_previews_what_the_mocks_recorded(
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

    declared = {(one.type, one.name) for one in run(stack).resources}
    previewed = {
        (step["newState"]["type"], step["urn"].rpartition("::")[2])
        for step in steps
        if step["newState"]["type"] != "pulumi:pulumi:Stack"
    }
    assert previewed == declared
