"""Run other programs and wait for them. An error holds what the program wrote to stderr."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from ops.errors import OperationError


def output_of(
    command: Sequence[str | Path], *, stdin: str | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command and return what it wrote to stdout.

    Raises:
        OperationError: it is not installed, or exits with another status than 0.

    """
    done = _run(command, subprocess.PIPE, env=env, input=stdin)
    if done.returncode != 0:
        raise _failed(command, done.returncode, f":\n{done.stderr.strip()}" if done.stderr else "")
    return done.stdout


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> None:
    """Run a command that prints its progress and may ask the user; its stdout goes to stderr.

    Raises:
        OperationError: it is not installed, or exits with another status than 0.

    """
    done = _run(command, sys.stderr, env=env)
    if done.returncode != 0:
        raise _failed(command, done.returncode, "; see its output above")


def _run(
    command: Sequence[str | Path],
    output: int | TextIO | None,
    *,
    env: Mapping[str, str] | None,
    input: str | None = None,  # noqa: A002 - subprocess's name for it
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, input=input, env=env, stdout=output, stderr=output, text=True, check=False
        )
    except FileNotFoundError:
        raise OperationError(f"{command[0]} is not on PATH") from None


def _failed(command: Sequence[str | Path], status: int, why: str) -> OperationError:
    return OperationError(f"`{' '.join(map(str, command))}` exited with {status}{why}")
