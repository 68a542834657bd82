"""Prometheus' own tool, where there is one: on PATH, or as the local cluster has built it."""

import shutil

import pytest

from ops.local.paths import CACHE


def find_promtool() -> str | None:
    """The newest that there is."""
    built = sorted(CACHE.glob("bin/*/promtool"), key=lambda path: path.stat().st_mtime)
    return shutil.which("promtool") or (str(built[-1]) if built else None)


PROMTOOL = find_promtool()
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not on PATH, and not built: make monitoring"
)
