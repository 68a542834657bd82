"""Describe the machine on which the benchmark runs."""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psutil

GIBIBYTE = 2**30
NO_GPU = "no GPU"
DRIVER = "/usr/local/nvidia/bin"
"""A folder with the programs of the driver, which is not on PATH on some machines."""


def cores() -> int:
    """Return the number of cores, which servers and clients share."""
    return len(os.sched_getaffinity(0))


def describe() -> dict[str, Any]:
    """Return the machine's cores, processor, memory, GPUs, kernel and Python, and how busy it is."""
    return {
        "cores": cores(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / GIBIBYTE, 1),
        "gpu": gpu(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def gpu() -> str:
    """Return the name, memory and driver of each NVIDIA GPU, or `no GPU`.

    They are nvidia-smi's: https://docs.nvidia.com/deploy/nvidia-smi/index.html.
    """
    program = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path=DRIVER)
    if program is None:
        return NO_GPU
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    # nvidia-smi fails if the driver is not loaded.
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    found = done.stdout.splitlines() if done.returncode == 0 else []
    return "; ".join(found) or NO_GPU


def stolen() -> float:
    """Return the CPU seconds that the hypervisor has taken so far."""
    return float(psutil.cpu_times().steal)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
