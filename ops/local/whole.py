"""Write files and folders so that they exist only when they are complete."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def made_whole(path: Path) -> Generator[Path]:
    """Yield the path of a draft to write to; rename it to `path` only if the block succeeds.

    The parent folder is made. The draft of an earlier failed or killed attempt is removed.
    """
    draft = path.with_name(f"{path.name}.draft")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(draft)
    try:
        yield draft
        draft.rename(path)
    except BaseException:
        remove(draft)
        raise


def remove(path: Path) -> None:
    """Remove a file, or a folder with everything in it, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
