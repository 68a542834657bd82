"""The exported model that a stack serves: a folder that `python -m model export` has written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pulumi

from infra.runtimes import RUNTIMES

CODE = ("hooks.py", "requirements.txt")
"""Names of the user's own files in the folder `steps` of an artifact."""


class ArtifactError(pulumi.RunError):
    """No artifact fits the settings. The message names the command that exports one."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact folder, `DIRECTORY/NAME/VERSION`, as its `signature.json` describes it."""

    name: str
    version: str
    path: Path
    code: Mapping[str, str] = field(default_factory=dict[str, str])
    """The user's own code that runs in the pods, `hooks.py` and its requirements: file names with SHA-256."""

    @classmethod
    def find(cls, directory: Path, model: str, version: str, runtime: str) -> "Artifact":
        """Find an exported model.

        The path stays relative if the directory is: the engine compares paths, so they must be the same on
        every machine, and a new version must have a new path.

        Args:
            directory: The folder that `python -m model export` writes to.
            model: Name of the model.
            version: A version, or `latest`, which is resolved to a version.
            runtime: The runtime that serves it, a name in `RUNTIMES`.

        Raises:
            ArtifactError: The artifact does not exist, or does not hold the format.

        """
        folder = directory / model
        try:
            signature = json.loads((folder / version / "signature.json").read_text())
        except FileNotFoundError:
            versions = sorted(path.parent.name for path in folder.glob("*/signature.json"))
            existing = f"there are {', '.join(versions)}" if versions else "there is none yet"
            raise ArtifactError(
                f"modelVersion: {version!r}: no such version of {model} in {folder} ({existing}); "
                f"export one with `python -m model export {model}`"
            ) from None
        path = folder / signature["version"]
        needed = RUNTIMES[runtime].format
        if needed not in signature["formats"]:
            raise ArtifactError(
                f"runtime: {runtime!r}: {path} holds {', '.join(signature['formats'])}; "
                f"choose one of these or export it with `python -m model export {model} --format {needed}`"
            )
        steps = cast(dict[str, Any], signature.get("steps") or {})
        files = cast(dict[str, str], steps.get("files", {}))
        code = {name: digest for name, digest in files.items() if name in CODE}
        return cls(name=signature["name"], version=signature["version"], path=path, code=code)
