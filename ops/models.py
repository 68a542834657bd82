"""Find the artifact that a stack serves; export it if it is missing and its model can be exported."""

import sys
import tomllib
from pathlib import Path

from ops.commands import run
from ops.environment.install import ensure_pytorch
from ops.errors import OperationError
from ops.progress import step
from ops.stack import PROJECT, Stack

RUNTIMES = PROJECT / "app" / "runtimes" / "table.toml"

LATEST = "latest"
"""The name of the link to a model's newest version, in the folder of its versions."""


def artifact_folder(stack: Stack) -> Path:
    """Return the folder of the stack's artifact, which need not exist yet."""
    return directory(stack) / stack.get("model") / stack.get("modelVersion")


def ensure_artifact(stack: Stack) -> Path:
    """Return the folder of the artifact that a stack serves.

    Only a missing `latest` is exported. If another version is missing, the program reports it.

    Raises:
        OperationError: the export failed; its own message is on stderr.

    """
    name, version = stack.get("model"), stack.get("modelVersion")
    return ensure_latest(stack, name) if version == LATEST else artifact_folder(stack)


def ensure_latest(stack: Stack, name: str) -> Path:
    """Return the link to a model's newest artifact, exported in the stack's format if there is none.

    Raises:
        OperationError: the export failed; its own message is on stderr.

    """
    folder = directory(stack) / name / LATEST
    if not (folder / "signature.json").exists():
        ensure_pytorch()
        with step(f"export {name}"):
            formats = ["--format", _format(stack)]
            run([sys.executable, "-m", "model", "export", name, *formats, "--output", str(directory(stack))])
    return folder


def _format(stack: Stack) -> str:
    """Return the format that the runtime of a stack reads."""
    runtimes = tomllib.loads(RUNTIMES.read_text())
    name = stack.get("runtime")
    if name not in runtimes:
        raise OperationError(f"runtime: {name!r}: must be {' or '.join(runtimes)}")
    return runtimes[name]["format"]


def directory(stack: Stack) -> Path:
    """Return the folder of all artifacts."""
    return PROJECT / stack.get("modelDirectory")
