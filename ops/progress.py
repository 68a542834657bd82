"""Long work, told on stderr as it goes: each step's name, its seconds, and a sign of life in between."""

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

HEARTBEAT_SECONDS = 20


def say(line: str) -> None:
    """Tell a person something at once. What a command answers goes to stdout instead."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def step(name: str) -> Generator[None]:
    """Tell when a piece of work starts, that it goes on, and how long it took."""
    start = time.monotonic()
    over = threading.Event()

    def heartbeat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            say(f"  … {name}: {time.monotonic() - start:.0f} s")

    thread = threading.Thread(target=heartbeat, daemon=True)
    say(f"→ {name}")
    thread.start()
    try:
        yield
    except BaseException:
        say(f"✗ {name}: failed after {time.monotonic() - start:.1f} s")
        raise
    else:
        say(f"✓ {name}: {time.monotonic() - start:.1f} s")
    finally:
        over.set()
        thread.join()
