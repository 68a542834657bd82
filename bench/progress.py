"""Print progress to stderr."""

import sys


def say(line: str) -> None:
    """Print a line to stderr at once."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the progress of the command
