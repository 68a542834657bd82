"""The exported model that a stack serves: a folder that `python -m model export` wrote."""

import json
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.settings import Settings


class ArtifactError(pulumi.RunError):
    """There is no artifact that can be served as the settings ask; says which command makes one."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact folder, `<modelDirectory>/<name>/<version>`, read from its `signature.json`."""

    name: str
    version: str
    path: Path

    @classmethod
    def find(cls, settings: Settings) -> "Artifact":
        """Return the artifact that the settings name, with `latest` resolved to a version.

        The path keeps the working directory's spelling: a change of version must be a change of
        path, and the same path must hold on every machine, for the engine compares it.

        Raises:
            ArtifactError: it does not exist, is another model's, or lacks the format to serve.

        """
        folder = settings.model_directory / settings.model
        try:
            signature = json.loads((folder / settings.model_version / "signature.json").read_text())
        except FileNotFoundError:
            versions = sorted(path.parent.name for path in folder.glob("*/signature.json"))
            there = f"there are {', '.join(versions)}" if versions else "there is none yet"
            raise ArtifactError(
                f"modelVersion: {settings.model_version!r}: no such version of {settings.model} in "
                f"{folder} ({there}); export one with `python -m model export {settings.model}`"
            ) from None
        if settings.runtime not in signature["formats"]:
            raise ArtifactError(
                f"runtime: {settings.runtime!r}: {folder / signature['version']} holds "
                f"{', '.join(signature['formats'])}; choose one of these or export it with "
                f"`python -m model export {settings.model} --format {settings.runtime}`"
            )
        return cls(name=signature["name"], version=signature["version"], path=folder / signature["version"])
