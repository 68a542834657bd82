"""Errors that a person who exports a model sees, and the wording of errors from that person's own code."""

import sysconfig
import traceback
from pathlib import Path

LIBRARY_FOLDERS = tuple(
    str(Path(folder).resolve())
    for folder in (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), Path(__file__).parent)
)
"""Folders of code that is not the user's: libraries, Python itself, this package."""


class ExportError(Exception):
    """A model cannot be exported. The message gives the reason and the next step."""


class ParityError(ExportError):
    """An export does not answer as the model that it was made from."""


class UsageError(ExportError):
    """The options of the command line contradict each other."""


def quoted(error: BaseException) -> str:
    """Describe an error in one line, with the place in the user's code that raised it.

    Returns:
        The type and the first line of the message; then, in brackets, file and line, where the error passed
        through code outside of `LIBRARY_FOLDERS`.

    """
    lines = str(error).strip().splitlines()
    text = ": ".join([type(error).__name__, *lines[:1]]).rstrip(".")
    if isinstance(error, SyntaxError):
        return text
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).exists()
        and not str(Path(frame.filename).resolve()).startswith(LIBRARY_FOLDERS)
    ]
    if not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def innermost(error: BaseException) -> BaseException:
    """Return the first error of a chain: libraries wrap it in errors about themselves."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
