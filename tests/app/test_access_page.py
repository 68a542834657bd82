"""The commands of docs/access.md make a key and call a server with it, as they are printed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.serving.api_keys import MIN_KEY_CHARACTERS
from tests.app.process import ROOT, Process

PAGE = (ROOT / "docs" / "access.md").read_text()
NEW_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


def example(start: str) -> str:
    """Return the only example that starts with a line."""
    (found,) = re.findall(rf"```\w+\n({re.escape(start)}\n.*?)```", PAGE, re.DOTALL)
    return found


def run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    environment = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def called(start: Callable[..., Process], tmp_path: Path) -> dict[str, str]:
    """Start a server with a key that the printed command has made; return what the calls need."""
    keys = tmp_path / "keys"
    keys.write_text(run(["bash", "-c", NEW_KEY]))
    server = start(api_keys_path=keys)
    server.wait_for("/health/ready")
    return {"URL": server.url, "SAMPLE": "[0, 0, 0, 0, 0, 0]", "SLIPWAY_API_KEY": keys.read_text().strip()}


def test_every_command_that_makes_a_key_is_the_same_one():
    assert PAGE.count("python3 -c") == PAGE.count(NEW_KEY) == 3


def test_the_call_with_curl_gets_a_prediction(called: dict[str, str]):
    answer = run(["bash", "-e", "-o", "pipefail", "-c", example("# call")], called)

    assert json.loads(answer)["model_name"] == "tiny"


def test_the_call_with_python_gets_a_prediction(called: dict[str, str]):
    assert "'label': 'none'" in run([sys.executable, "-c", example("import os")], called)


def test_the_page_names_the_least_length_of_a_key():
    assert f"at least {MIN_KEY_CHARACTERS} characters" in PAGE
