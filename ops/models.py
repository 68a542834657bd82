"""The artifact that a stack serves, exported where it is one to start from and is not there yet."""

import sys
from pathlib import Path

from ops.commands import run
from ops.progress import step
from ops.stack import PROJECT, Stack


def artifact_folder(stack: Stack) -> Path:
    """Return where the artifact is, or will be."""
    return PROJECT / stack.get("modelDirectory") / stack.get("model") / stack.get("modelVersion")


def ensure_artifact(stack: Stack) -> Path:
    """Return the artifact's folder.

    Only a missing `latest` is exported: a version that is named must be there, or the program says so.

    Raises:
        OperationError: the export failed; it has then said why.

    """
    name, version = stack.get("model"), stack.get("modelVersion")
    folder = artifact_folder(stack)
    if version == "latest" and not (folder / "signature.json").exists():
        with step(f"export {name}"):
            formats = ["--format", stack.get("runtime")]
            run(
                [
                    sys.executable,
                    "-m",
                    "model",
                    "export",
                    name,
                    *formats,
                    "--output",
                    str(folder.parent.parent),
                ]
            )
    return folder
