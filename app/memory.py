"""The memory that this process was given, not what the machine has."""

import ctypes
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
STATM = Path("/proc/self/statm")

UNLIMITED = 2**60
"""Version 1 writes "no limit" as the largest multiple of a page that a signed 64-bit number holds."""

M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
"""https://man7.org/linux/man-pages/man3/mallopt.3.html"""

LARGE = 2**20
"""Bytes from which a block is given back to the machine as soon as it is free."""

ARENAS = 2


def memory() -> int:
    """Return how much memory this process may take: its limit, or what the machine has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine, memory_limit() or machine)


def memory_used() -> int:
    """Return the bytes of this process that count in full: not those of files, which the machine may drop.

    https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
    """
    _, resident, shared, *_ = map(int, STATM.read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def give_back_large_blocks() -> None:
    """Have the C library give large blocks back when they are free.

    The GNU C library keeps a block like those that were free before, up to 32 MiB and in an arena per thread:
    after a few large pictures that is most of a small pod. Other libraries have no such function.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, LARGE)
    mallopt(M_ARENA_MAX, ARENAS)


def memory_limit(cgroup: Path = CGROUP, own: Path = OWN) -> int | None:
    """Return the least memory limit of the process's cgroup and of those above it, in bytes.

    In a container the limit stands at the root of what is mounted; elsewhere in the folder that
    `/proc/self/cgroup` names. Both are read, and every folder between them.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files (`memory.max`), and for
    version 1 https://docs.kernel.org/admin-guide/cgroup-v1/memory.html (`memory.limit_in_bytes`).

    Returns:
        None where there is no limit.

    """
    found = [limit for file in _files(cgroup, own) if (limit := _limit(file)) is not None]
    return min(found, default=None)


def _files(cgroup: Path, own: Path) -> list[Path]:
    files = [cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"]
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return files
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, name = cgroup, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = cgroup / "memory", "memory.limit_in_bytes"
        else:
            continue
        folder = Path(path.lstrip("/"))
        files += [root / parent / name for parent in (folder, *folder.parents)]
    return files


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    if text == "max" or int(text) >= UNLIMITED:
        return None
    return int(text)
