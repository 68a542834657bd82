"""All measured figures of a run."""

from dataclasses import dataclass, field
from typing import Any

from bench.clients import Figures


@dataclass(frozen=True, kw_only=True)
class Life:
    """A server with a model, from its start to its end."""

    round: int
    server: str
    model: str
    cold_start_seconds: float
    idle_bytes: int
    """Resident memory after it is ready and before its first prediction."""

    peak_bytes: int
    processes: int


@dataclass(frozen=True, kw_only=True)
class Closed:
    """The result of a closed loop."""

    round: int
    scenario: str
    server: str
    body: str
    connections: int
    figures: Figures


@dataclass(frozen=True, kw_only=True)
class Open:
    """The result of an open loop."""

    round: int
    scenario: str
    server: str
    share: float
    """The rate as a share of the server's rate in the closed loop."""

    rate: int
    """Requests sent per second: that share, but at most what the client can send."""

    figures: Figures


@dataclass(frozen=True, kw_only=True)
class Limit:
    """The result of ONNX Runtime without a server."""

    round: int
    model: str
    batch: int
    threads: int
    per_second: float


@dataclass(frozen=True, kw_only=True)
class Batching:
    """The result of Slipway's server with or without batching."""

    round: int
    settings: str
    connections: int
    figures: Figures


@dataclass(kw_only=True)
class Results:
    """The results of a run of the benchmark."""

    started: str
    machine: dict[str, Any]
    plan: dict[str, Any]
    versions: dict[str, dict[str, str]]
    """The versions of each server's packages, by server and package."""

    seconds: float = 0.0
    stolen_share: float = 0.0
    """The share of the CPU time of all cores that the hypervisor took."""

    lives: list[Life] = field(default_factory=list[Life])
    closed: list[Closed] = field(default_factory=list[Closed])
    open: list[Open] = field(default_factory=list[Open])
    limits: list[Limit] = field(default_factory=list[Limit])
    batching: list[Batching] = field(default_factory=list[Batching])
    failures: list[str] = field(default_factory=list[str])
    """The measurements that failed or had errors. A run with a failure must not be quoted."""
