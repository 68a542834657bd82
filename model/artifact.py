"""Artifact folders: there in full or not at all, and never changed."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LATEST = "latest"


@contextmanager
def new(path: Path) -> Generator[Path]:
    """Give an empty folder to write an artifact to, and put it at `path` only if the block ends well."""
    home = path.parent
    home.mkdir(parents=True, exist_ok=True)
    # Beside its place: a folder can be renamed in one step only within one file system.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=home))
    draft = scratch / path.name
    try:
        # Not the scratch folder itself, which is closed to others: a server runs as another user.
        draft.mkdir()
        yield draft
        draft.rename(path)
    finally:
        shutil.rmtree(scratch)
        with suppress(OSError):
            home.rmdir()


def point_latest(path: Path) -> None:
    """Let `latest` beside an artifact mean this one, in one step."""
    pointer = path.with_name(f".{LATEST}-{os.getpid()}")
    pointer.symlink_to(path.name)
    pointer.replace(path.with_name(LATEST))


def artifacts(output: Path) -> Iterator[Path]:
    """Yield the artifacts under a folder, by name and version."""
    for path in sorted(output.glob("[!.]*/[!.]*/signature.json")):
        if not path.parent.is_symlink():
            yield path.parent


def size(path: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
