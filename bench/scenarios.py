"""The loads that are measured, and their durations."""

from dataclasses import dataclass

from bench.servers import SERVERS, Server


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A load on one model, the same for all servers that take it."""

    name: str
    title: str
    model: str
    bodies: tuple[str, ...]
    """Kinds of body. A server gets the first kind that it accepts."""

    connections: int
    servers: tuple[str, ...]
    open_loop: bool = False
    """Whether Slipway and its peers are also measured at fixed rates. A rate is a share of what the server
    reached in the closed loop, limited to what the client can send."""

    def body(self, server: Server) -> str | None:
        """Return the kind of body that a server gets, or None if it accepts none of them."""
        return next((kind for kind in self.bodies if kind in server.requests), None)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The number of rounds and the durations, in whole seconds."""

    rounds: int
    seconds: int
    """The duration of each closed and open loop."""

    warm_up: int
    batching_seconds: int
    """The duration of each loop that compares batching with no batching."""

    limit_seconds: int
    """The duration for each batch size of the in-process limit."""


FULL = Plan(rounds=3, seconds=10, warm_up=2, batching_seconds=3, limit_seconds=2)
QUICK = Plan(rounds=1, seconds=3, warm_up=1, batching_seconds=1, limit_seconds=1)

SMALL, IMAGE = "small", "efficientnet-lite0"
ALL = tuple(SERVERS)
SHARES = (0.5, 0.8)
"""The rates of the open loop, as shares of the server's rate in the closed loop."""

SCENARIOS = (
    Scenario(
        name="small-json",
        title="small model, JSON",
        model=SMALL,
        bodies=("json",),
        connections=32,
        servers=ALL,
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
        title="EfficientNet-Lite0, the smallest body that the server accepts",
        model=IMAGE,
        bodies=("raw", "base64", "json"),
        connections=16,
        servers=tuple(name for name in ALL if name != "bare"),
    ),
)

LIMIT, BATCHING = "limit", "batching"
NAMES = (*(scenario.name for scenario in SCENARIOS), LIMIT, BATCHING)

LIMIT_BATCHES = {SMALL: (1, 8, 32, 64), IMAGE: (1, 2, 4, 8)}
BATCHING_CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
BATCHING_SETTINGS = {"batching": {}, "no batching": {"SLIPWAY_BATCH_SIZE": "1"}}
"""Settings of Slipway's server by name; the first are its defaults."""
