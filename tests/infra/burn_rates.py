"""Unit tests for promtool, generated for a stack's objectives: traffic, and the alerts that it must raise.

What must be raised is reckoned here from the workbook's table and the traffic alone, not from the rules.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.settings import Settings
from tests.infra.promtool import Case, Series, case, says, series

HOUR, DAY = 60, 24 * 60
"""In minutes, as all times here are."""

RATE_WINDOW = 5
FEWEST_BAD = 10
FEWEST_IN_OUTAGE = 2.5
"""Three requests, less a half because Prometheus extrapolates rates."""

MARGIN = 0.01
"""How far a value must be from a bound to be surely above or below it, because rates are rounded."""

FIRING = 'count by (alertname, severity, long_window) (ALERTS{alertstate="firing"})'


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A row of the workbook's table: a percentage of the budget within a time."""

    severity: str
    percent: int
    long: int
    window: str

    @property
    def short(self) -> int:
        return self.long // 12

    def factor(self, days: int) -> float:
        return max(1, self.percent / 100 * days * DAY / self.long)


TABLE = (
    Speed(severity="page", percent=2, long=HOUR, window="1h"),
    Speed(severity="page", percent=5, long=6 * HOUR, window="6h"),
    Speed(severity="ticket", percent=10, long=DAY, window="1d"),
    Speed(severity="ticket", percent=10, long=3 * DAY, window="3d"),
)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Traffic: requests per minute, and phases with a share of bad requests and a length in minutes."""

    phases: Sequence[tuple[int, float]]
    per_minute: float = 60_000

    @property
    def minutes(self) -> int:
        return sum(minutes for minutes, _ in self.phases)

    def times(self, step: int) -> range:
        """The times at which the rules are evaluated, from the first rate on."""
        return range(2 * step, self.minutes + 1, step)

    def bad(self, at: float, window: int) -> float:
        """Return the bad requests within a window that ends at a time."""
        start, found = 0, 0.0
        for minutes, share in self.phases:
            within = min(at, start + minutes) - max(at - window, start)
            found += max(0, within) * share * self.per_minute
            start += minutes
        return found

    def mean(self, at: float, window: int) -> float:
        """Return the share of bad requests within a window."""
        return self.bad(at, window) / (min(at, window) * self.per_minute)

    def counter(self, *, bad: bool) -> str:
        """Return the samples of a counter of bad or of good requests."""
        total, parts = 0.0, []
        for minutes, share in self.phases:
            step = self.per_minute * (share if bad else 1 - share)
            # The sample before the first phase is one of it.
            first, repeats = (total + step, minutes - 1) if parts else (total, minutes)
            parts.append(f"{first:.9f}+{step:.9f}x{repeats}")
            total += step * minutes
        return " ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """An objective of a stack: its alert, its budget as a share of requests, and its series."""

    slo: str
    alert: str
    budget: float
    settings: Settings

    @classmethod
    def all(cls, settings: Settings) -> "tuple[Promise, Promise]":
        return (
            cls(
                slo="availability",
                alert="ModelErrorBudgetBurn",
                budget=1 - settings.slo_availability / 100,
                settings=settings,
            ),
            cls(
                slo="latency",
                alert="ModelLatencyBudgetBurn",
                budget=1 - settings.slo_latency_percent / 100,
                settings=settings,
            ),
        )

    def threshold(self, speed: Speed) -> float:
        return speed.factor(self.settings.slo_window_days) * self.budget

    def bounds(self, traffic: Traffic, at: int, speed: Speed) -> "tuple[Side, Side, Side]":
        """Return whether both windows are above the threshold, and whether there are enough bad requests."""
        threshold = self.threshold(speed)

        def above(window: int) -> Side:
            # Recorded rates look back themselves: longer windows see what was up to that much earlier.
            lags = range(RATE_WINDOW + 1) if window > RATE_WINDOW else (0,)
            return side((traffic.mean(at - lag, window) for lag in lags), threshold)

        bad = (traffic.bad(at - lag, speed.long) for lag in range(RATE_WINDOW + 1))
        enough = either(side(bad, FEWEST_BAD), is_outage(traffic, at, speed))
        return above(speed.long), above(speed.short), enough

    def series(self, traffic: Traffic) -> Series:
        good, bad = traffic.counter(bad=False), traffic.counter(bad=True)
        if self.slo == "availability":
            return {
                self._of("request_count_total", code=200): good,
                self._of("request_count_total", code=503): bad,
            }
        within = {"le": float(self.settings.slo_latency_seconds)}
        whole = Traffic(phases=[(traffic.minutes, 0)], per_minute=traffic.per_minute).counter(bad=False)
        return {
            self._of("request_latency_seconds_count", code=200): whole,
            self._of("request_latency_seconds_bucket", code=200, le="+Inf"): whole,
            self._of("request_latency_seconds_bucket", code=200, **within): good,
        }

    def _of(self, metric: str, **labels: Any) -> str:
        return of_pod(self.settings.namespace, metric, **labels)


Side = bool | None
"""The side of a bound on which a value is, or None if that is not sure."""


def side(values: Iterable[float], bound: float) -> Side:
    sides = {value > bound for value in values for value in (value * (1 - MARGIN), value * (1 + MARGIN))}
    return sides.pop() if len(sides) == 1 else None


def is_outage(traffic: Traffic, at: int, speed: Speed) -> Side:
    """Return whether a page is due because most requests of the short window are bad."""
    if speed.severity != "page":
        return False
    lags = range(RATE_WINDOW + 1) if speed.short > RATE_WINDOW else (0,)
    bad = side((traffic.bad(at - lag, speed.short) for lag in lags), FEWEST_IN_OUTAGE)
    most = side((traffic.mean(at - lag, speed.short) for lag in lags), 0.5)
    if False in (bad, most):
        return False
    return None if None in (bad, most) else True


def either(first: Side, second: Side) -> Side:
    if True in (first, second):
        return True
    return None if None in (first, second) else False


def of_pod(namespace: str, metric: str, **labels: Any) -> str:
    """Return a series of a pod as Prometheus names it."""
    target = {"namespace": namespace, "service": "model-metrics", "pod": "a"}
    return series(metric, **{**target, "model": "tiny", "version": "1", **labels})


def ready(settings: Settings, minutes: int) -> Series:
    return {of_pod(settings.namespace, "model_ready"): f"1x{minutes}"}


def steady(promise: Promise) -> dict[str, Traffic]:
    """Return traffic just above and just below the threshold of each alert."""
    return {
        f"{word} the factor of {speed.window}": Traffic(
            phases=[(30, min(1, nearly * promise.threshold(speed)))]
        )
        for speed in TABLE
        for word, nearly in (("below", 0.98), ("above", 1.02))
    }


def bursts_and_burns(promise: Promise, speeds: Sequence[Speed]) -> Traffic:
    """Return per alert a burst that only the short window sees, and a burn and its end, slowest first."""
    phases = [(speeds[0].long, 0.0)]
    for speed, following in zip(speeds, [*speeds[1:], speeds[-1]], strict=True):
        share = min(1, 1.5 * promise.threshold(speed))
        phases += [(speed.short, share), (2 * speed.short, 0), (speed.long, share), (following.long, 0)]
    return Traffic(phases=phases)


HANDFUL = Traffic(phases=[(130, 1)], per_minute=0.1)
"""Six requests per hour, which all fail."""


def expected(promise: Promise, traffic: Traffic, at: int) -> list[str] | None:
    """Return the alerts that must fire at a time; None if a small error of the clock could change them."""
    raised: list[str] = []
    for speed in TABLE:
        bounds = promise.bounds(traffic, at, speed)
        if False in bounds:
            continue
        if None in bounds:
            return None
        labels = {"alertname": promise.alert, "severity": speed.severity, "long_window": speed.window}
        raised.append(series(**labels))
    return raised


def checks(promise: Promise, traffic: Traffic, step: int) -> Iterator[Case]:
    """Yield what must fire at the first and the last certain time of each state of the alerts."""
    sure = {
        at: raised for at in traffic.times(step) if (raised := expected(promise, traffic, at)) is not None
    }
    states = {at: [promise.bounds(traffic, at, speed) for speed in TABLE] for at in sure}
    for at, raised in sure.items():
        if not (states.get(at - step) == states[at] == states.get(at + step)):
            yield says(f"{at}m", FIRING, dict.fromkeys(raised, 1))


def burn_rate_tests(promise: Promise, traffic: dict[str, Traffic], step: int = RATE_WINDOW) -> list[Case]:
    """Return promtool's tests of an objective's alerts, for traffic by name.

    `step` is how often the rules are evaluated, in minutes.
    """
    settings = promise.settings
    return [
        case(
            f"{promise.slo}, {settings.slo_window_days} days, {name}",
            {**promise.series(requests), **ready(settings, requests.minutes)},
            promql_expr_test=list(checks(promise, requests, step)),
        )
        for name, requests in traffic.items()
    ]
