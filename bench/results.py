"""Every figure of a run, as it was measured."""

from dataclasses import dataclass, field
from typing import Any

from bench.clients import Figures


@dataclass(frozen=True, kw_only=True)
class Life:
    """One start of a server with one model, to its end."""

    round: int
    server: str
    model: str
    cold_start_seconds: float
    idle_bytes: int
    """Resident after it is ready and before its first prediction."""

    peak_bytes: int
    processes: int


@dataclass(frozen=True, kw_only=True)
class Closed:
    """A closed loop."""

    round: int
    scenario: str
    server: str
    body: str
    connections: int
    figures: Figures


@dataclass(frozen=True, kw_only=True)
class Open:
    """An open loop."""

    round: int
    scenario: str
    server: str
    share: float
    """Of the server's own closed-loop rate."""

    rate: int
    """Requests sent a second: that share, or the most that the client may send."""

    figures: Figures


@dataclass(frozen=True, kw_only=True)
class Limit:
    """ONNX Runtime alone."""

    round: int
    model: str
    batch: int
    threads: int
    per_second: float


@dataclass(frozen=True, kw_only=True)
class Batching:
    """Our server with batching or without."""

    round: int
    settings: str
    connections: int
    figures: Figures


@dataclass(kw_only=True)
class Results:
    """What a run of the benchmark came to."""

    started: str
    machine: dict[str, Any]
    plan: dict[str, Any]
    versions: dict[str, dict[str, str]]
    """By server, the versions of its packages."""

    seconds: float = 0.0
    stolen_share: float = 0.0
    """Of all cores' time, what the hypervisor took."""

    lives: list[Life] = field(default_factory=list[Life])
    closed: list[Closed] = field(default_factory=list[Closed])
    open: list[Open] = field(default_factory=list[Open])
    limits: list[Limit] = field(default_factory=list[Limit])
    batching: list[Batching] = field(default_factory=list[Batching])
    failures: list[str] = field(default_factory=list[str])
    """What could not be measured, or had errors. A run with any is not to be quoted."""
