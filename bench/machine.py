"""What the figures were taken on."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil

GIBIBYTE = 2**30


def cores() -> int:
    """Return the cores that servers and clients share."""
    return len(os.sched_getaffinity(0))


def describe() -> dict[str, Any]:
    """Return the machine's cores, processor, memory, kernel and Python, and how busy it is."""
    return {
        "cores": cores(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / GIBIBYTE, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def stolen() -> float:
    """Return the CPU seconds that the hypervisor has taken so far."""
    return float(psutil.cpu_times().steal)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
