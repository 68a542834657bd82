"""Which tests `make check` selects."""

import re
import subprocess
import sys

import pytest

from ops.stack import PROJECT
from tests.conftest import FAST


def test_make_check_selects_the_fast_tests():
    recipe = re.search(r"^fast:.*\n\t(.+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)

    assert recipe
    assert recipe[1].endswith(f'-m "{FAST}"')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expression", "imported"), [(FAST, False), ("not slow", True)], ids=["make check", "another selection"]
)
def test_make_check_does_not_import_a_module_whose_tests_are_all_slow(expression: str, imported: bool):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", expression, "tests/model/zoo"]

    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout
    assert (" deselected" in done.stdout) is imported
