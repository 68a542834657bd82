"""The models under one path: an artifact folder, or folders of artifacts by name and version."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.signature import FILE, ArtifactError, Signature

LATEST = "latest"
"""A link beside a model's versions that names the one to serve where a request names none."""

Key = tuple[str, str]
"""A model's name and version. The version is a hash of the content: the same key is the same model."""

Snapshot = frozenset[tuple[str, int, int]]
"""The files of a folder with their times and sizes: another one where something was changed."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What a path holds at one moment."""

    artifacts: dict[Key, Path] = field(default_factory=dict[Key, Path])
    """The oldest first."""

    latest: dict[str, str] = field(default_factory=dict[str, str])
    """The version of a model that a link names."""

    errors: dict[Path, ArtifactError] = field(default_factory=dict[Path, ArtifactError])
    """What is wrong with a folder that cannot be read."""

    snapshots: dict[Path, Snapshot] = field(default_factory=dict[Path, Snapshot])
    """How each folder was before it was read."""

    @classmethod
    def scan(cls, path: Path, known: Mapping[Path, Key] | None = None) -> "Repository":
        """Read the signatures below a path: its own, or those of `<name>/<version>`.

        Args:
            path: an artifact folder, or a link to one, or a folder of `<name>/<version>`.
            known: what folders held when they could be read, for one that cannot be any more still is there.

        """
        files = [path / FILE] if (path / FILE).exists() else list(path.glob(f"*/*/{FILE}"))
        # Behind the links: one that moves while its artifact is read must not mix two artifacts.
        folders = [file.parent.resolve() for file in files]
        found = cls()
        ages: dict[Key, int] = {}
        # Where there is nothing, to read it says why.
        for folder in dict.fromkeys(folders or [path]):
            found.snapshots[folder] = _snapshot(folder)
            key = known.get(folder) if known else None
            try:
                signature = Signature.read(folder)
                key = signature.name, signature.version
            except ArtifactError as error:
                found.errors[folder] = error
            if key is not None:
                found.artifacts[key] = folder
                ages[key] = max(
                    (time for name, time, _ in found.snapshots[folder] if name == FILE), default=0
                )
        return cls(
            artifacts=dict(sorted(found.artifacts.items(), key=lambda item: (ages[item[0]], item[0]))),
            latest=dict(_links(path, found.artifacts)),
            errors=found.errors,
            snapshots=found.snapshots,
        )

    def defaults(self, served: Container[Key]) -> dict[str, str]:
        """Return the version of each model that answers where a request names none.

        It is the one that a link names, or the newest, of those that are served.
        """
        newest = dict(key for key in self.artifacts if key in served)
        return newest | {name: version for name, version in self.latest.items() if (name, version) in served}


def _links(path: Path, artifacts: dict[Key, Path]) -> list[Key]:
    named = {folder: key for key, folder in artifacts.items()}
    return [named[link.resolve()] for link in path.glob(f"*/{LATEST}") if link.resolve() in named]


def _snapshot(folder: Path) -> Snapshot:
    files: set[tuple[str, int, int]] = set()
    for file in folder.rglob("*"):
        try:
            status = file.stat()
        except OSError:
            # Gone in between: the next look sees another stamp.
            continue
        files.add((str(file.relative_to(folder)), status.st_mtime_ns, status.st_size))
    return frozenset(files)
