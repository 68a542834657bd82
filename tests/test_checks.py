"""The Makefile's checks: the same before a commit as by hand, and no test left out of `make test`."""

import re

import yaml

from ops.stack import PROJECT


def recipe(target: str) -> list[str]:
    """The command lines of a target of the Makefile."""
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert lines is not None
    return [line.strip() for line in lines[1].splitlines()]


def test_the_hooks_before_a_commit_are_the_checks_of_make_lint():
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())

    hooks = [hook["entry"] for repository in config["repos"] for hook in repository["hooks"]]

    assert hooks == [f".venv/bin/{command}" for command in recipe("lint")]


def test_make_test_runs_the_serial_tests_alone_after_all_the_others():
    assert recipe("test") == ['$(PYTEST) $(PARALLEL) -m "not serial"', "$(PYTEST) -m serial"]
