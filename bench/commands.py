"""Run other programs and return what they print."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import BenchError


def output_of(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    timeout_seconds: float | None = None,
) -> str:
    """Run a command and return its stdout.

    Args:
        command: the program and its arguments.
        env: its environment variables; None means those of this process.
        folder: where it runs; None means the current folder.
        timeout_seconds: how long it may take; None means any time.

    Raises:
        BenchError: it exited with a status other than 0, or took too long.

    """
    shown = " ".join(map(str, command))
    try:
        done = subprocess.run(
            command, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout_seconds
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"`{shown}` did not end within {timeout_seconds:.0f} s") from None
    if done.returncode != 0:
        raise BenchError(f"`{shown}` exited with {done.returncode}:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout
