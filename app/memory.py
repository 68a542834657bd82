"""Reads how much memory this process may use, which can be less than the machine has."""

import ctypes
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
PROCESS_CGROUP = Path("/proc/self/cgroup")
STATM = Path("/proc/self/statm")

UNLIMITED = 2**60
"""A limit from here on means none: version 1 writes it as the largest page-aligned signed 64-bit number."""

M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
"""Parameters of mallopt: https://man7.org/linux/man-pages/man3/mallopt.3.html."""

MMAP_THRESHOLD_BYTES = 2**20
"""Blocks of this size and above are returned to the system as soon as they are free."""

MAX_ARENAS = 2
"""How many memory pools the C library may create. Each keeps free memory for itself."""


def memory() -> int:
    """Return how many bytes of memory this process may use: its limit, or what the machine has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine, memory_limit() or machine)


def memory_used() -> int:
    """Return how many bytes of memory this process uses, without mapped files, which the system can drop.

    https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
    """
    _, resident, shared, *_ = map(int, STATM.read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def give_back_large_blocks() -> None:
    """Make the C library return large blocks to the system as soon as they are free.

    By default, the GNU C library keeps free blocks of up to 32 MiB for reuse, in a pool for each thread.
    After a few large pictures, that is most of the memory of a small pod. Other C libraries have no such
    function.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
    mallopt(M_ARENA_MAX, MAX_ARENAS)


def memory_limit(cgroup: Path = CGROUP, process_cgroup: Path = PROCESS_CGROUP) -> int | None:
    """Return the smallest memory limit of the process's cgroup and its parents, in bytes.

    In a container, the limit is in the root folder of the mounted file system. Elsewhere, it is in the folder
    that `/proc/self/cgroup` names. Both folders and all between them are read.

    - cgroup version 2, `memory.max`:
      https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    - cgroup version 1, `memory.limit_in_bytes`: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html

    Args:
        cgroup: the folder where the cgroup file system is mounted.
        process_cgroup: the file that names the cgroup of this process.

    Returns:
        None if there is no limit.

    """
    limits = [limit for file in _files(cgroup, process_cgroup) if (limit := _limit(file)) is not None]
    return min(limits, default=None)


def _files(cgroup: Path, process_cgroup: Path) -> list[Path]:
    files = [cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"]
    try:
        lines = process_cgroup.read_text().splitlines()
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
