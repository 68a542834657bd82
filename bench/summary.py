"""Medians and spread over the rounds, and the ratios that the server is built to reach."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from bench.clients import Figures
from bench.results import Results
from bench.scenarios import BATCHING_SETTINGS, IMAGE, SMALL
from bench.servers import SERVERS

MEBIBYTE = 2**20
OURS, PLAIN, CEILING = "slipway", "plain", "bare"

T = TypeVar("T")
ByRound = Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median of the rounds, with the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Sum up at least one value."""
        ordered = sorted(values)
        return cls(median=statistics.median(ordered), least=ordered[0], most=ordered[-1])


@dataclass(frozen=True, kw_only=True)
class Load:
    """A server under a load."""

    per_second: Spread
    p50_ms: Spread
    p99_ms: Spread


@dataclass(frozen=True, kw_only=True)
class Start:
    """A server's starts with one model."""

    cold_start_seconds: Spread
    idle_mib: Spread
    peak_mib: Spread
    processes: int


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A ratio to reach, or a bound to keep, and what was measured: each round against itself."""

    name: str
    measured: Spread
    bound: float
    at_least: bool
    """Whether the bound is the least that is wanted, or the most."""

    unit: str = "×"  # noqa: RUF001 - a factor

    @property
    def met(self) -> bool:
        """Whether the median keeps the bound."""
        return self.measured.median >= self.bound if self.at_least else self.measured.median <= self.bound


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run in few figures."""

    closed: dict[str, dict[str, Load]]
    """By scenario and server."""

    bodies: dict[str, dict[str, str]]
    open: dict[str, dict[str, dict[str, Load]]]
    """By scenario, server and share of the closed-loop rate."""

    sent: dict[str, dict[str, dict[str, Spread]]]
    """The same: requests sent a second."""

    starts: dict[str, dict[str, Start]]
    """By model and server."""

    limits: dict[str, Spread]
    """By model, samples a second at the best batch size."""

    limit_batches: dict[str, int]
    batching: dict[str, dict[str, Load]]
    """By settings and number of connections."""

    goals: list[Goal]


def summarise(results: Results) -> Summary:
    """Sum a run up."""
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

    plain, ours = rates("small-json", PLAIN), rates("small-json", OURS)
    yield from _ratio("small model, JSON: times the plain app", ours, plain, 5)
    peers = [rates("small-json", name) for name, server in SERVERS.items() if server.peer and name != PLAIN]
    nobody: ByRound = {}
    best = max(filter(None, peers), key=lambda peer: statistics.median(peer.values()), default=nobody)
    yield from _ratio("small model, JSON: times the best peer", ours, best, 4)
    p99 = _by_round(results, "small-json", OURS, lambda figures: figures.p99_ms)
    p50 = _by_round(results, "small-json", PLAIN, lambda figures: figures.p50_ms)
    yield from _ratio("small model, JSON: p99 in p50 of the plain app", p99, p50, 1, at_least=False)
    yield from _ratio(
        "small model, binary body: times the plain app with JSON", rates("small-binary", OURS), plain, 8
    )
    image = rates("efficientnet", OURS)
    yield from _ratio("EfficientNet-Lite0: times the plain app", image, rates("efficientnet", PLAIN), 6)
    yield from _ratio("EfficientNet-Lite0: of the in-process limit", image, limits.get(IMAGE, {}), 0.95)
    one = _by_round(results, "small-one", OURS, lambda figures: figures.p50_ms)
    bare = _by_round(results, "small-one", CEILING, lambda figures: figures.p50_ms)
    if over := [one[number] - bare[number] for number in one.keys() & bare.keys()]:
        yield Goal(
            name="one connection: p50 over bare ASGI with the model",
            measured=Spread.of(over),
            bound=0.15,
            at_least=False,
            unit=" ms",
        )
    yield from _batching_goal(results)
    starts = [result for result in results.lives if result.server == OURS and result.model == SMALL]
    if starts:
        yield Goal(
            name="cold start, small model",
            measured=Spread.of(result.cold_start_seconds for result in starts),
            bound=1,
            at_least=False,
            unit=" s",
        )
        yield Goal(
            name="memory at rest, small model",
            measured=Spread.of(result.idle_bytes / MEBIBYTE for result in starts),
            bound=120,
            at_least=False,
            unit=" MiB",
        )


def _batching_goal(results: Results) -> Iterable[Goal]:
    """Yield the concurrency at which batching gains least."""
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
            name="batching: times no batching, where it gains least",
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
    """Return the batch size that does most, and its rates by round."""
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
