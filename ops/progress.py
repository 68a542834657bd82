"""Print the progress of long work to stderr: the name of each step, its duration, and that it still runs."""

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

HEARTBEAT_SECONDS = 20


def say(line: str) -> None:
    """Print a line to stderr at once. The result of a command goes to stdout instead."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def step(name: str) -> Generator[None]:
    """Print when a step starts, every 20 seconds that it still runs, and how long it took."""
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
