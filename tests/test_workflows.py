"""The workflows of GitHub Actions: that they are right, run the project's own commands, and are pinned."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.local.binaries import folder_of
from ops.stack import PROJECT
from tests.test_checks import recipe

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yaml"))
ACTIONLINT = shutil.which("actionlint", path=f"{os.environ['PATH']}:{folder_of('actionlint')}")


def jobs(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(file.read_text())["jobs"].values())


def test_there_are_workflows():
    assert {file.stem for file in WORKFLOWS} == {"check", "kind"}


@pytest.mark.skipif(ACTIONLINT is None, reason="actionlint is not on PATH, and not built: make checkers")
@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actionlint_finds_nothing(file: Path):
    done = subprocess.run([str(ACTIONLINT), str(file)], cwd=PROJECT, capture_output=True, text=True)

    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_commit_and_says_its_version(file: Path):
    used = re.findall(r"uses: (.+)", file.read_text())

    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_may_read_and_no_more_and_ends_in_time(file: Path):
    workflow = yaml.safe_load(file.read_text())

    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    assert all(0 < job["timeout-minutes"] <= 90 and "permissions" not in job for job in jobs(file))
    # What is checked out may not push.
    for step in (step for job in jobs(file) for step in job["steps"]):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_the_targets_of_make_that_a_workflow_runs_are_there(file: Path):
    commands = [step.get("run", "") for job in jobs(file) for step in job["steps"]]
    targets = [
        word
        for command in commands
        if command.startswith("make ")
        for word in command.split()[1:]
        if "=" not in word
    ]

    assert targets
    assert all(recipe(target) for target in targets)
