"""Reads how many CPU cores this process may use, which can be fewer than the machine has."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cpu_limit(cgroup: Path = CGROUP) -> int:
    """Return how many cores this process may use, from the CPU limit of its cgroup.

    - cgroup version 2, `cpu.max`: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    - cgroup version 1, `cpu.cfs_quota_us`: https://docs.kernel.org/scheduler/sched-bwc.html

    Args:
        cgroup: the folder where the cgroup file system is mounted.

    Returns:
        The limit, rounded up to whole cores. Never more than the cores on which the scheduler may run it.

    """
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except OSError:
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return allowed
    if quota in {"max", "-1"}:
        return allowed
    return min(allowed, math.ceil(int(quota) / int(period)))
