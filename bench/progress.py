"""What is running and how long it takes, told on stderr."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager


def say(line: str) -> None:
    """Tell a person something at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def step(name: str) -> Generator[None]:
    """Tell when a piece of work starts, and how long it took."""
    start = time.monotonic()
    say(f"→ {name}")
    try:
        yield
    except BaseException:
        say(f"✗ {name}: failed after {time.monotonic() - start:.1f} s")
        raise
    say(f"✓ {name}: {time.monotonic() - start:.1f} s")
