"""The errors that a person who exports a model sees, and how the errors of their own code are told."""

import sysconfig
import traceback
from pathlib import Path

LIBRARIES = tuple(
    str(Path(folder).resolve())
    for folder in (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"), Path(__file__).parent)
)
"""Where code lies that is not the user's: libraries, Python itself, this package."""


class ExportError(Exception):
    """A model cannot be exported. The message says why and what to do about it."""


class ParityError(ExportError):
    """An export does not answer as the model that it was made from."""


class UsageError(ExportError):
    """The options do not go together."""


def quoted(error: BaseException) -> str:
    """Return an error's type and first line, with the file and line of the user's code where it arose."""
    lines = str(error).strip().splitlines()
    said = ": ".join([type(error).__name__, *lines[:1]])
    if isinstance(error, SyntaxError):
        return said
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).exists() and not str(Path(frame.filename).resolve()).startswith(LIBRARIES)
    ]
    if not frames:
        return said
    return f"{said} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def innermost(error: BaseException) -> BaseException:
    """Return the error that began it, where libraries wrap it in pages about themselves."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
