"""A memory cgroup for a process, of version 1 or 2: what Kubernetes makes of `memoryLimit`."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class MemoryCgroup:
    """A folder of the cgroup file system."""

    folder: Path
    peak: str
    """The file that holds the most bytes there were."""

    def add(self, pid: int) -> None:
        (self.folder / "cgroup.procs").write_text(str(pid))

    @property
    def peak_bytes(self) -> int:
        return int((self.folder / self.peak).read_text())

    @property
    def kills(self) -> int:
        """How many processes the kernel has ended for want of memory."""
        events = self.folder / ("memory.events" if self.peak == "memory.peak" else "memory.oom_control")
        lines = dict(line.split() for line in events.read_text().splitlines())
        return int(lines.get("oom_kill", 0))


@contextmanager
def memory_cgroup(limit: int) -> Iterator[MemoryCgroup]:
    """Make a cgroup of so many bytes, without swap. Raises OSError where this machine does not allow it."""
    name = f"slipway-{uuid.uuid4().hex[:8]}"
    if (ROOT / "memory").is_dir():
        group = MemoryCgroup(folder=ROOT / "memory" / name, peak="memory.max_usage_in_bytes")
        limits = {"memory.limit_in_bytes": limit, "memory.memsw.limit_in_bytes": limit}
    else:
        group = MemoryCgroup(folder=ROOT / name, peak="memory.peak")
        limits = {"memory.max": limit, "memory.swap.max": 0}
    group.folder.mkdir()
    try:
        for file, value in limits.items():
            # A kernel may not count swap.
            if (group.folder / file).exists():
                (group.folder / file).write_text(str(value))
        if not (group.folder / next(iter(limits))).exists():
            raise FileNotFoundError(f"{group.folder}: the memory controller is not delegated")
        yield group
    finally:
        _remove(group.folder)


@contextmanager
def memory_cgroup_or_skip(limit: int) -> Iterator[MemoryCgroup]:
    """Make a cgroup, or skip the test where this machine does not allow it."""
    try:
        with memory_cgroup(limit) as group:
            yield group
    except OSError as error:
        if "slipway-" not in str(error):
            raise
        pytest.skip(f"no memory cgroup can be made here: {error}")


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            folder.rmdir()
        except OSError:
            # A process that has ended stays in it for a moment.
            time.sleep(0.05)
        else:
            return
    raise OSError(f"{folder} still holds processes: {(folder / 'cgroup.procs').read_text().split()}")
