"""Run the commands of the README in order and unchanged, on the local cluster and in a copy of the checkout.

A command is left out if it needs something that this machine does not have: LEFT_OUT says which and why.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ops.local.cluster import driver
from ops.stack import PROJECT, Stack
from tests.readme import blocks

LEFT_OUT = {
    r"\bprod\b": "it needs a cluster of your own",
    r"^pulumi ": "it needs the Pulumi CLI",
    r"^make test\b": "it would run the tests within a test",
}
"""Patterns of commands, with the reason why they are not run here."""

SERVED_AFTER = {
    "make up": {"dev"},
    "make up STACK=watched": {"dev", "watched"},
    "make down STACK=watched": {"dev"},
    "make down": set[str](),
}
"""The stacks that answer after a command of README. The last one takes the cluster down."""


def is_left_out(command: str) -> bool:
    """Tell whether a command cannot be run here."""
    return any(re.search(pattern, command) for pattern in LEFT_OUT)


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """Return a copy of the tracked files with this environment. No cluster runs before or after the tests."""
    subprocess.run([sys.executable, "-m", "ops.local", "down"], cwd=PROJECT, check=True)
    # Below the project, because the path of an artifact is part of the image's build.
    copy = PROJECT / "build" / "e2e" / "readme"
    shutil.rmtree(copy, ignore_errors=True)
    files = subprocess.check_output(["git", "ls-files", "-z"], cwd=PROJECT, text=True).split("\0")
    for name in filter(None, files):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, copy / name)
    (copy / ".venv").symlink_to((PROJECT / ".venv").resolve())
    yield copy
    subprocess.run([sys.executable, "-m", "ops.local", "down"], cwd=PROJECT, check=True)


def type_in(checkout: Path, command: str) -> str:
    """Run a command unchanged; return its stdout."""
    began = time.monotonic()
    done = subprocess.run(
        ["sh", "-ec", command],
        cwd=checkout,
        env={**os.environ, "ENGINE": "kubectl", "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    sys.stderr.write(f"$ {command}: {time.monotonic() - began:.1f} s\n")
    assert done.returncode == 0, f"{command} exited with {done.returncode}"
    return done.stdout


def serve_in(checkout: Path, command: str) -> None:
    """Run a command that serves until Ctrl-C. Check that the page answers, and that Ctrl-C stops it."""
    began = time.monotonic()
    with subprocess.Popen(
        ["sh", "-ec", command],
        cwd=checkout,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell ignores SIGINT in background jobs, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as server:
        assert server.stdout is not None
        try:
            page = next(line.split()[1] for line in server.stdout if line.startswith("page:"))
            assert httpx.get(page).is_success
        finally:
            os.killpg(server.pid, signal.SIGINT)
    with pytest.raises(httpx.ConnectError):
        httpx.get(page)
    sys.stderr.write(f"$ {command}: {time.monotonic() - began:.1f} s\n")


def answers(stack: str) -> bool:
    """Tell whether a local stack's service is ready."""
    url = f"http://127.0.0.1:{Stack.read(stack).get('exposure.nodePort')}/health/ready"
    try:
        return httpx.get(url, timeout=10).is_success
    except httpx.TransportError:
        return False


@pytest.mark.timeout(3000)
def test_every_command_works_after_those_before_it(checkout: Path):
    typed: list[str] = []
    for block in blocks():
        if block.language == "python" and block.file:
            (checkout / block.file).write_text(block.text)
        for command in block.commands if block.language == "sh" else ():
            if is_left_out(command):
                continue
            typed.append(command)
            if command.startswith("make serve"):
                serve_in(checkout, command)
                continue
            type_in(checkout, command)
            if command in SERVED_AFTER:
                assert {stack for stack in ("dev", "watched") if answers(stack)} == SERVED_AFTER[command]

    assert {"make serve", "make serve MODEL=flowers", *SERVED_AFTER} <= {*typed}
    assert typed[-1] == "make down"
    assert not driver().healthy()
