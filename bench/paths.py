"""The folders of the benchmark."""

import os
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway" / "bench"
"""Virtual environments and tools, built once. Safe to delete."""

BUILD = PROJECT / "build" / "bench"
"""Artifacts, logs of the servers, and the results of partial runs."""

RESULTS = HERE / "results"
"""The results of the last full run."""
