"""Summarise a run: medians and ranges over the rounds, and the goals of the server."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from bench.clients import Figures
from bench.results import Results
from bench.scenarios import BATCHING_SETTINGS, IMAGE, SMALL
from bench.servers import SERVERS

MEBIBYTE = 2**20
SLIPWAY, PLAIN, BARE = "slipway", "plain", "bare"

T = TypeVar("T")
ByRound = Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median, lowest and highest value of the rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Summarise values, of which there must be at least one."""
        ordered = sorted(values)
        return cls(median=statistics.median(ordered), least=ordered[0], most=ordered[-1])


@dataclass(frozen=True, kw_only=True)
class Load:
    """The figures of a server under a load."""

    per_second: Spread
    p50_ms: Spread
    p99_ms: Spread


@dataclass(frozen=True, kw_only=True)
class Start:
    """The starts of a server with a model."""

    cold_start_seconds: Spread
    idle_mib: Spread
    peak_mib: Spread
    processes: int


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A ratio or a value with its bound. A ratio is computed within each round."""

    name: str
    measured: Spread
    bound: float
    at_least: bool
    """Whether the bound is a minimum. If not, it is a maximum."""

    unit: str = "×"  # noqa: RUF001 - a factor

    @property
    def met(self) -> bool:
        """Whether the median is within the bound."""
        return self.measured.median >= self.bound if self.at_least else self.measured.median <= self.bound


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The summary of a run."""

    closed: dict[str, dict[str, Load]]
    """The closed loops by scenario and server."""

    bodies: dict[str, dict[str, str]]
    open: dict[str, dict[str, dict[str, Load]]]
    """The open loops by scenario, server and share of the closed-loop rate."""

    sent: dict[str, dict[str, dict[str, Spread]]]
    """The requests sent per second, by the same keys."""

    starts: dict[str, dict[str, Start]]
    """The starts by model and server."""

    limits: dict[str, Spread]
    """ONNX Runtime without a server: samples per second at the best batch size, by model."""

    limit_batches: dict[str, int]
    batching: dict[str, dict[str, Load]]
    """The loads with and without batching, by settings and number of connections."""

    goals: list[Goal]


def summarise(results: Results) -> Summary:
    """Return the summary of a run."""
    closed = _nested(results.closed, lambda result: (result.scenario, result.server))
    opened = {
        scenario: {
            server: _grouped(loops, lambda result: str(result.share)) for server, loops in rows.items()
        }
        for scenario, rows in _nested(results.open, lambda result: (result.scenario, result.server)).items()
    }
    limits = {
        model: _best(results, model) for model in dict.fromkeys(result.model for result in results.limits)
    }
    batching = _nested(results.batching, lambda result: (result.settings, str(result.connections)))
    return Summary(
        closed={
            name: {server: _load([result.figures for result in items]) for server, items in rows.items()}
            for name, rows in closed.items()
        },
        bodies={
            name: {server: items[0].body for server, items in rows.items()} for name, rows in closed.items()
        },
        open={
            scenario: {
                server: {
                    share: _load([result.figures for result in loops]) for share, loops in shares.items()
                }
                for server, shares in rows.items()
            }
            for scenario, rows in opened.items()
        },
        sent={
            scenario: {
                server: {share: Spread.of(result.rate for result in loops) for share, loops in shares.items()}
                for server, shares in rows.items()
            }
            for scenario, rows in opened.items()
        },
        starts=_starts(results),
        limits={model: Spread.of(rates.values()) for model, (_, rates) in limits.items()},
        limit_batches={model: batch for model, (batch, _) in limits.items()},
        batching={
            settings: {count: _load([result.figures for result in items]) for count, items in rows.items()}
            for settings, rows in batching.items()
        },
        goals=list(_goals(results, {model: rates for model, (_, rates) in limits.items()})),
    )


def _goals(results: Results, limits: Mapping[str, ByRound]) -> Iterable[Goal]:
    def rates(scenario: str, server: str) -> ByRound:
        return _by_round(results, scenario, server, lambda figures: figures.per_second)

    plain, slipway = rates("small-json", PLAIN), rates("small-json", SLIPWAY)
    yield from _ratio("small model, JSON: rate ÷ rate of the plain app", slipway, plain, 5)
    peers = [rates("small-json", name) for name, server in SERVERS.items() if server.peer and name != PLAIN]
    none: ByRound = {}
    best = max(filter(None, peers), key=lambda peer: statistics.median(peer.values()), default=none)
    yield from _ratio("small model, JSON: rate ÷ rate of the best peer", slipway, best, 4)
    p99 = _by_round(results, "small-json", SLIPWAY, lambda figures: figures.p99_ms)
    p50 = _by_round(results, "small-json", PLAIN, lambda figures: figures.p50_ms)
    yield from _ratio("small model, JSON: p99 ÷ p50 of the plain app", p99, p50, 1, at_least=False)
    yield from _ratio(
        "small model, binary body: rate ÷ rate of the plain app with JSON",
        rates("small-binary", SLIPWAY),
        plain,
        8,
    )
    image = rates("efficientnet", SLIPWAY)
    yield from _ratio(
        "EfficientNet-Lite0: rate ÷ rate of the plain app", image, rates("efficientnet", PLAIN), 6
    )
    yield from _ratio("EfficientNet-Lite0: rate ÷ in-process limit", image, limits.get(IMAGE, {}), 0.95)
    single = _by_round(results, "small-one", SLIPWAY, lambda figures: figures.p50_ms)
    bare = _by_round(results, "small-one", BARE, lambda figures: figures.p50_ms)
    if over := [single[number] - bare[number] for number in single.keys() & bare.keys()]:
        yield Goal(
            name="one connection: p50 less p50 of bare ASGI",
            measured=Spread.of(over),
            bound=0.15,
            at_least=False,
            unit=" ms",
        )
    yield from _batching_goal(results)
    starts = [result for result in results.lives if result.server == SLIPWAY and result.model == SMALL]
    if starts:
        yield Goal(
            name="cold start, small model",
            measured=Spread.of(result.cold_start_seconds for result in starts),
            bound=1,
            at_least=False,
            unit=" s",
        )
        yield Goal(
            name="idle memory, small model",
            measured=Spread.of(result.idle_bytes / MEBIBYTE for result in starts),
            bound=120,
            at_least=False,
            unit=" MiB",
        )


def _batching_goal(results: Results) -> Iterable[Goal]:
    """Yield the goal of batching, at the concurrency where batching gains least."""
    on, off = BATCHING_SETTINGS
    rates = {
        (result.settings, result.connections, result.round): result.figures.per_second
        for result in results.batching
    }
    worst = [
        Spread.of(
            rate / rates[off, connections, number]
            for (settings, count, number), rate in rates.items()
            if settings == on and count == connections and (off, connections, number) in rates
        )
        for connections in sorted({count for settings, count, _ in rates if settings == on})
        if any((off, connections, result.round) in rates for result in results.batching)
    ]
    if worst:
        yield Goal(
            name="batching: rate ÷ rate without batching, at the worst concurrency",
            measured=min(worst, key=lambda spread: spread.median),
            bound=1,
            at_least=True,
        )


def _ratio(
    name: str, top: ByRound, bottom: ByRound, bound: float, *, at_least: bool = True
) -> Iterable[Goal]:
    if ratios := [top[number] / bottom[number] for number in top.keys() & bottom.keys()]:
        yield Goal(name=name, measured=Spread.of(ratios), bound=bound, at_least=at_least)


def _by_round(results: Results, scenario: str, server: str, figure: Callable[[Figures], float]) -> ByRound:
    return {
        result.round: figure(result.figures)
        for result in results.closed
        if result.scenario == scenario and result.server == server
    }


def _load(figures: Sequence[Figures]) -> Load:
    return Load(
        per_second=Spread.of(result.per_second for result in figures),
        p50_ms=Spread.of(result.p50_ms for result in figures),
        p99_ms=Spread.of(result.p99_ms for result in figures),
    )


def _starts(results: Results) -> dict[str, dict[str, Start]]:
    return {
        model: {
            server: Start(
                cold_start_seconds=Spread.of(result.cold_start_seconds for result in lives),
                idle_mib=Spread.of(result.idle_bytes / MEBIBYTE for result in lives),
                peak_mib=Spread.of(result.peak_bytes / MEBIBYTE for result in lives),
                processes=max(result.processes for result in lives),
            )
            for server, lives in rows.items()
        }
        for model, rows in _nested(results.lives, lambda result: (result.model, result.server)).items()
    }


def _best(results: Results, model: str) -> tuple[int, ByRound]:
    """Return the batch size with the highest rate, and its rates by round."""
    by_batch: dict[int, dict[int, float]] = {}
    for result in results.limits:
        if result.model == model:
            by_batch.setdefault(result.batch, {})[result.round] = result.per_second
    best = max(by_batch, key=lambda batch: statistics.median(by_batch[batch].values()))
    return best, by_batch[best]


def _nested(items: Iterable[T], keys: Callable[[T], tuple[str, str]]) -> dict[str, dict[str, list[T]]]:
    return {
        outer: _grouped(group, lambda item: keys(item)[1])
        for outer, group in _grouped(items, lambda item: keys(item)[0]).items()
    }


def _grouped(items: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
