"""Write and find artifact folders. An artifact is complete or absent, and is never changed."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LATEST = "latest"


@contextmanager
def new(path: Path) -> Generator[Path]:
    """Yield an empty folder for an artifact, and move it to `path` when the block ends without an error.

    After an error the folder is removed, and `path` does not exist.
    """
    home = path.parent
    home.mkdir(parents=True, exist_ok=True)
    # Next to `path`: a rename is atomic only within one file system.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=home))
    draft = scratch / path.name
    try:
        # Not the scratch folder itself: other users may not read it, and a server runs as another user.
        draft.mkdir()
        yield draft
        draft.rename(path)
    finally:
        shutil.rmtree(scratch)
        with suppress(OSError):
            home.rmdir()


def point_latest(path: Path) -> None:
    """Point the link `latest` next to an artifact at this one, atomically."""
    pointer = path.with_name(f".{LATEST}-{os.getpid()}")
    pointer.symlink_to(path.name)
    pointer.replace(path.with_name(LATEST))


def artifacts(output: Path) -> Iterator[Path]:
    """Yield the artifacts in a folder, sorted by name and version."""
    for path in sorted(output.glob("[!.]*/[!.]*/signature.json")):
        if not path.parent.is_symlink():
            yield path.parent


def size(path: Path) -> int:
    """Return the size of all files in a folder, in bytes."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
