"""Fixtures for tests of the benchmark: a free port, and the results of a run."""

import socket

import pytest

from bench.clients import Figures
from bench.results import Results


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def results() -> Results:
    """Return the results of a run without measurements."""
    return Results(
        started="2026-01-01T00:00:00+00:00",
        machine={
            "cores": 2,
            "processor": "a processor",
            "memory_gib": 8.0,
            "gpu": "no GPU",
            "kernel": "6.1",
            "python": "3.11.9",
            "load_average_before": 0.1,
        },
        plan={"rounds": 3, "seconds": 10, "warm_up": 2},
        versions={"slipway": {"onnxruntime": "1.32.0"}},
    )


def figures(per_second: float = 100, p50_ms: float = 1, p99_ms: float = 2) -> Figures:
    return Figures(
        seconds=10,
        requests=int(per_second * 10),
        per_second=per_second,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        errors=0,
    )
