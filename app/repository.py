"""The models under one path: an artifact folder, or folders of artifacts by name and version."""

from dataclasses import dataclass
from pathlib import Path

from app.signature import FILE, Signature

LATEST = "latest"
"""A link beside a model's versions that names the one to serve where a request names none."""

Key = tuple[str, str]
"""A model's name and version. The version is a hash of the content: the same key is the same model."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What a path holds at one moment."""

    artifacts: dict[Key, Path]
    defaults: dict[str, str]
    """The version of each model that is served where a request names none."""

    @classmethod
    def look(cls, path: Path) -> "Repository":
        """Read the signatures below a path: its own, or those of `<name>/<version>`.

        Raises:
            ArtifactError: there is none, or one does not say what it must.

        """
        if (path / FILE).exists():
            signature = Signature.read(path)
            return cls(
                artifacts={(signature.name, signature.version): path},
                defaults={signature.name: signature.version},
            )
        folders = {file.parent.resolve() for file in path.glob(f"*/*/{FILE}")}
        if not folders:
            # Says what is wrong with the path itself.
            Signature.read(path)
        artifacts: dict[Key, Path] = {}
        # Oldest first, so that without a link the newest is the default.
        for folder in sorted(folders, key=lambda folder: ((folder / FILE).stat().st_mtime_ns, folder)):
            signature = Signature.read(folder)
            artifacts[signature.name, signature.version] = folder
        return cls(
            artifacts=artifacts,
            defaults=dict(artifacts.keys()) | dict(_links(path, artifacts)),
        )


def _links(path: Path, artifacts: dict[Key, Path]) -> list[Key]:
    named = {folder: key for key, folder in artifacts.items()}
    return [named[link.resolve()] for link in path.glob(f"*/{LATEST}") if link.resolve() in named]
