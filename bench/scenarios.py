"""What is measured, and for how long."""

from dataclasses import dataclass

from bench.servers import SERVERS, Server


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A load on one model, the same for all servers that take it."""

    name: str
    title: str
    model: str
    bodies: tuple[str, ...]
    """Kinds of body; a server is sent the first that it takes."""

    connections: int
    servers: tuple[str, ...]
    open_loop: bool = False
    """Also at fixed rates: shares of what each server did in the closed loop, as far as the client can send
    them. Peers and ourselves alone."""

    def body(self, server: Server) -> str | None:
        """Return the kind of body that a server is sent, None where it takes none of them."""
        return next((kind for kind in self.bodies if kind in server.requests), None)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how often. Times are whole seconds."""

    rounds: int
    seconds: int
    """Of each closed and open loop."""

    warm_up: int
    batching_seconds: int
    """Of each run of the comparison of batching with no batching."""

    limit_seconds: int
    """Of each batch size of the in-process limit."""


FULL = Plan(rounds=3, seconds=10, warm_up=2, batching_seconds=3, limit_seconds=2)
QUICK = Plan(rounds=1, seconds=3, warm_up=1, batching_seconds=1, limit_seconds=1)

SMALL, IMAGE = "small", "efficientnet-lite0"
EVERY = tuple(SERVERS)
SHARES = (0.5, 0.8)
"""Of a server's own closed-loop rate, for the open loop."""

SCENARIOS = (
    Scenario(
        name="small-json",
        title="small model, JSON",
        model=SMALL,
        bodies=("json",),
        connections=32,
        servers=EVERY,
        open_loop=True,
    ),
    Scenario(
        name="small-binary",
        title="small model, binary body",
        model=SMALL,
        bodies=("raw",),
        connections=32,
        servers=("slipway", "ray", "bare"),
    ),
    Scenario(
        name="small-one",
        title="small model, JSON, one connection",
        model=SMALL,
        bodies=("json",),
        connections=1,
        servers=("slipway", "bare"),
    ),
    Scenario(
        name="efficientnet",
        title="EfficientNet-Lite0, the smallest body that each takes",
        model=IMAGE,
        bodies=("raw", "base64", "json"),
        connections=16,
        servers=tuple(name for name in EVERY if name != "bare"),
    ),
)

LIMIT, BATCHING = "limit", "batching"
NAMES = (*(scenario.name for scenario in SCENARIOS), LIMIT, BATCHING)

LIMIT_BATCHES = {SMALL: (1, 8, 32, 64), IMAGE: (1, 2, 4, 8)}
BATCHING_CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
BATCHING_SETTINGS = {"batching": {}, "no batching": {"SLIPWAY_BATCH_SIZE": "1"}}
"""By name, our server's settings; the first are its defaults."""
