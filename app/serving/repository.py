"""Finds the models below a path: one artifact folder, or artifact folders by name and version."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.signature import FILE, ArtifactError, Signature

LATEST = "latest"
"""A link beside the versions of a model. It names the version that serves requests which name none."""

Key = tuple[str, str]
"""The name and the version of a model. The version is a hash of the content: equal keys mean equal models."""

Snapshot = frozenset[tuple[str, int, int]]
"""The files of a folder, each with its path, time and size. It differs after any change."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What a path held when it was scanned."""

    artifacts: dict[Key, Path] = field(default_factory=dict[Key, Path])
    """The folder of each model, the oldest first."""

    latest: dict[str, str] = field(default_factory=dict[str, str])
    """By model name, the version that the link `latest` names."""

    errors: dict[Path, ArtifactError] = field(default_factory=dict[Path, ArtifactError])
    """The error of each folder that cannot be read."""

    snapshots: dict[Path, Snapshot] = field(default_factory=dict[Path, Snapshot])
    """The files of each folder before it was read."""

    @classmethod
    def scan(
        cls, path: Path, known: Mapping[Path, Key] | None = None, version: str | None = None
    ) -> "Repository":
        """Read the signatures below a path.

        Args:
            path: an artifact folder, a link to one, or a folder with artifacts at `<name>/<version>`.
            known: the models of an earlier scan by folder. A folder that cannot be read now still counts as
                the model that it held.
            version: the version that a model must have. None means any.

        """
        files = [path / FILE] if (path / FILE).exists() else list(path.glob(f"*/*/{FILE}"))
        # Resolve links first: a link that moves while its artifact is read must not mix two artifacts.
        folders = [file.parent.resolve() for file in files]
        found = cls()
        modified: dict[Key, int] = {}
        # Without any artifact, read the path itself: the error says what is missing.
        for folder in dict.fromkeys(folders or [path]):
            snapshot = found.snapshots[folder] = _snapshot(folder)
            key = known.get(folder) if known else None
            try:
                key = _key(folder, version)
            except ArtifactError as error:
                found.errors[folder] = error
            if key is not None:
                found.artifacts[key] = folder
                modified[key] = max((time for name, time, _ in snapshot if name == FILE), default=0)
        return cls(
            artifacts=dict(sorted(found.artifacts.items(), key=lambda item: (modified[item[0]], item[0]))),
            latest=dict(_links(path, found.artifacts)),
            errors=found.errors,
            snapshots=found.snapshots,
        )

    def defaults(self, served: Container[Key]) -> dict[str, str]:
        """Return, by model name, the version that answers requests which name none.

        It is the version that the link `latest` names, if that is served, otherwise the newest served one.

        Args:
            served: the models that are loaded.

        """
        newest = dict(key for key in self.artifacts if key in served)
        return newest | {name: version for name, version in self.latest.items() if (name, version) in served}


def _key(folder: Path, version: str | None) -> Key:
    signature = Signature.read(folder)
    if version is not None and signature.version != version:
        raise ArtifactError(f"{folder}: version {signature.version}, not {version}, as is declared")
    return signature.name, signature.version


def _links(path: Path, artifacts: dict[Key, Path]) -> list[Key]:
    """Return the models that links named `latest` lead to."""
    keys = {folder: key for key, folder in artifacts.items()}
    return [keys[link.resolve()] for link in path.glob(f"*/{LATEST}") if link.resolve() in keys]


def _snapshot(folder: Path) -> Snapshot:
    files: set[tuple[str, int, int]] = set()
    for file in folder.rglob("*"):
        try:
            status = file.stat()
        except OSError:
            # The file was deleted meanwhile. The next scan sees another snapshot.
            continue
        files.add((str(file.relative_to(folder)), status.st_mtime_ns, status.st_size))
    return frozenset(files)
