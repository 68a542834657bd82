"""The CPU that this process was given, not the cores that the machine has."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cpu_limit(cgroup: Path = CGROUP) -> int:
    """Return whole cores: the cgroup's CPU limit rounded up, or the cores that the scheduler allows.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files (`cpu.max`), and for
    version 1 https://docs.kernel.org/scheduler/sched-bwc.html (`cpu.cfs_quota_us`).
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
