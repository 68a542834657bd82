"""The memory that this process was given, not what the machine has."""

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

UNLIMITED = 2**60
"""Version 1 writes "no limit" as the largest multiple of a page that a signed 64-bit number holds."""


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
