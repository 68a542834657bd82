"""A memory cgroup for a process, of version 1 or 2: what Kubernetes makes of `memoryLimit`."""

import time
import uuid
from collections.abc import Generator
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
    def join(self) -> str:
        """Code with which a process puts itself into the cgroup."""
        return f"open({str(self.folder / 'cgroup.procs')!r}, 'w').write('0')"

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
def memory_cgroup_or_reason(limit: int) -> Generator[MemoryCgroup | str]:
    """Make a cgroup of so many bytes, without swap; or say why this machine does not allow it."""
    name = f"slipway-{uuid.uuid4().hex[:8]}"
    if (ROOT / "memory").is_dir():
        group = MemoryCgroup(folder=ROOT / "memory" / name, peak="memory.max_usage_in_bytes")
        limits = {"memory.limit_in_bytes": limit, "memory.memsw.limit_in_bytes": limit}
    else:
        group = MemoryCgroup(folder=ROOT / name, peak="memory.peak")
        limits = {"memory.max": limit, "memory.swap.max": 0}
    made: MemoryCgroup | str = group
    try:
        _make(group.folder, limits)
    except OSError as error:
        made = str(error)
    try:
        yield made
    finally:
        if group.folder.exists():
            _remove(group.folder)


@contextmanager
def memory_cgroup_or_skip(limit: int) -> Generator[MemoryCgroup]:
    """Make a cgroup, or skip the test where this machine does not allow it."""
    with memory_cgroup_or_reason(limit) as group:
        if isinstance(group, str):
            pytest.skip(f"no memory cgroup can be made here: {group}")
        yield group


def _make(folder: Path, limits: dict[str, int]) -> None:
    folder.mkdir()
    for file, value in limits.items():
        # A kernel may not count swap.
        if (folder / file).exists():
            (folder / file).write_text(str(value))
    if not (folder / next(iter(limits))).exists():
        raise FileNotFoundError(f"{folder}: the memory controller is not delegated")


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
