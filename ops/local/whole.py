"""Files and folders that are there only when they are whole."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def made_whole(path: Path) -> Generator[Path]:
    """Give the path of a draft to write to, and name it `path` only when the work on it has succeeded.

    The folder above is made. What a failed or killed attempt has left is removed.
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
    """Remove a file or a folder with all that it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
