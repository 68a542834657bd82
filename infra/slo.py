"""Prometheus rules for the objectives: error budgets, and alerts on how fast they are spent.

The alerts are the multi-window, multi-burn-rate alerts of chapter 5 of Google's SRE workbook,
https://sre.google/workbook/alerting-on-slos/. An alert fires when a share of the budget was spent within a
long window and is still being spent in the last twelfth of it. It pages someone, or opens a ticket.

Availability: valid requests are bad if they end in a fault of the service. `infra/queries.py` says which
    status codes are faults, and which are the client's own. Refusals for overload (503) are faults: without
    them, a service that refuses everyone would keep its promise. So are passed deadlines (504), though the
    client may have set the deadline.
Latency: answered requests (2xx), and requests whose client left (499), are bad if they took longer than the
    threshold. Faults count for availability only.

Requests that never reach a pod are not counted. Other alerts tell that no pod is ready, or that Prometheus
does not reach the pods: `infra/health.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from infra.health import health_rules
from infra.objectives import ObjectivesArgs
from infra.queries import Queries, exactly
from infra.rules import Group, Rule, RulesArgs, duration
from infra.severities import Severity

INTERVAL = timedelta(seconds=30)
"""How often the rules are evaluated. A sum of recorded rates, times this, is a number of requests."""

RATE_WINDOW = timedelta(minutes=5)
"""The window of a recorded rate. Longer windows add up these rates."""

PERIOD_INTERVAL = timedelta(seconds=150)
"""How often the ratio over the whole period is evaluated: it reads most samples by far, and changes slowly.
Prometheus shows a sample for 5 minutes, so this must be shorter."""

MIN_BAD_REQUESTS = 10
"""Bad requests in the long window below which no alert fires, unless the service is down: of few requests, a
single one is a large share."""

MIN_OUTAGE_REQUESTS = 3
"""Bad requests in the short window from which a page is sent if they are more than half of the requests. A
service with little traffic that is down would otherwise be noticed only after `MIN_BAD_REQUESTS`."""

LEVEL = "namespace_service_slo"
"""Labels of every recorded series, as the names of recording rules begin. `slo` is availability or
latency."""

VALID = f"{LEVEL}:valid_requests:rate5m"
"""Recording rule: requests per second that count for an objective."""

BAD = f"{LEVEL}:bad_requests:rate5m"
"""Recording rule: those among them that are bad."""

BUDGET_REMAINING = f"{LEVEL}:error_budget_remaining:ratio"
"""Recording rule: the remaining share of the budget. 1 is all of it; below 0 the objective is missed."""


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """A speed of spending the budget: a percentage of it within a window."""

    severity: Severity
    percent: int
    long: timedelta

    @property
    def short(self) -> timedelta:
        """The window in which the budget must still be spent for the alert to fire."""
        return self.long / 12

    def factor(self, period: timedelta) -> float:
        """Return how many times faster this is than a speed at which the budget lasts for the whole period.

        For 30 days it is 14.4, 6, 3 and 1. For shorter periods it is never below 1: a budget that is spent
        more slowly than that lasts.

        """
        return max(1.0, self.percent * (period / self.long) / 100)


BURN_RATES = (
    BurnRate(severity="page", percent=2, long=timedelta(hours=1)),
    BurnRate(severity="page", percent=5, long=timedelta(hours=6)),
    BurnRate(severity="ticket", percent=10, long=timedelta(days=1)),
    BurnRate(severity="ticket", percent=10, long=timedelta(days=3)),
)


def slo_rules(args: RulesArgs) -> list[Group]:
    """Return the groups of a PrometheusRule: recording rules and alerts.

    Prometheus must keep its samples for the whole window of the objectives. Otherwise the remaining budget is
    that of the samples it has.

    """
    promises, where = _objectives(args.objectives, args.queries), args.where
    groups = [
        *((promise.slo, INTERVAL, promise.rules(args)) for promise in promises),
        ("pods", INTERVAL, health_rules(args)),
        *((f"{promise.slo}-budget", PERIOD_INTERVAL, promise.budget_rules(where)) for promise in promises),
    ]
    for _, _, rules in groups:
        for rule in rules:
            if alert := rule.get("alert"):
                rule["annotations"]["runbook_url"] = f"{args.runbooks}/{alert}.md"
    return [
        {"name": f"{args.model}-{name}", "interval": duration(interval), "rules": rules}
        for name, interval, rules in groups
    ]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A promise: the percentage of valid requests, within a period, that are not bad."""

    slo: Literal["availability", "latency"]
    alert: str
    percent: float
    period: timedelta
    valid: str
    """PromQL of the valid requests per second, over `RATE_WINDOW`."""

    bad: str
    """PromQL of the bad ones among them."""

    what_is_bad: str
    """What is wrong with the bad ones, in words that follow "of the requests"."""

    @property
    def budget(self) -> str:
        """The share of the requests that may be bad."""
        return f"{(100 - self.percent) / 100:.6g}"

    def burn_rates(self) -> Iterator[tuple[BurnRate, float]]:
        """Yield each burn rate with its factor, if it can be reached: at most every request is bad."""
        for rate in BURN_RATES:
            factor = rate.factor(self.period)
            if factor * float(self.budget) < 1:
                yield rate, factor

    def rules(self, args: RulesArgs) -> list[Rule]:
        """Return the recording rules of the alerts' windows, and the alerts."""
        labels, selector = self._labels(args.where)
        windows = {window for rate in BURN_RATES for window in (rate.short, rate.long)}
        return [
            {"record": VALID, "expr": self.valid, "labels": labels},
            {"record": BAD, "expr": self.bad, "labels": labels},
            *(
                {"record": _ratio(window), "expr": _bad_of_valid(selector, window), "labels": labels}
                for window in sorted(windows)
            ),
            *(self._alert(args, selector, rate, factor) for rate, factor in self.burn_rates()),
        ]

    def budget_rules(self, where: Mapping[str, str]) -> list[Rule]:
        """Return the recording rules of the ratio over the whole period, and of the remaining budget."""
        labels, selector = self._labels(where)
        ratio = _ratio(self.period)
        return [
            {"record": ratio, "expr": _bad_of_valid(selector, self.period), "labels": labels},
            {
                "record": BUDGET_REMAINING,
                "expr": f"1 - {ratio}{{{selector}}} / {self.budget}",
                "labels": labels,
            },
        ]

    def _labels(self, where: Mapping[str, str]) -> tuple[dict[str, str], str]:
        """Return the labels of every recorded series, and the selector of these series."""
        labels = {**where, "slo": self.slo}
        return labels, exactly(labels)

    def _alert(self, args: RulesArgs, selector: str, rate: BurnRate, factor: float) -> Rule:
        long, short = duration(rate.long), duration(rate.short)
        threshold = f"({factor:.6g} * {self.budget})"
        is_enough = f"{_bad_requests(selector, rate.long)} >= {MIN_BAD_REQUESTS}"
        if rate.severity == "page":
            is_enough = f"({is_enough} or {_is_outage(selector, rate.short)})"
        return {
            "alert": self.alert,
            "expr": f"{_ratio(rate.long)}{{{selector}}} > {threshold}"
            f" and {_ratio(rate.short)}{{{selector}}} > {threshold}"
            f" and {is_enough}",
            "labels": {
                "severity": args.severities[rate.severity],
                "long_window": long,
                "short_window": short,
            },
            "annotations": {
                "summary": f"{args.subject} spends its {self.slo} budget {factor:.3g}x as fast as it lasts",
                "description": f"{{{{ $value | humanizePercentage }}}} of the requests of the last {long} "
                f"{self.what_is_bad}, and it goes on. Over {self.period.days} days "
                f"{100 - self.percent:.6g}% may.",
            },
        }


def _objectives(args: ObjectivesArgs, queries: Queries) -> tuple[Objective, Objective]:
    period, window = timedelta(days=args.window_days), duration(RATE_WINDOW)
    seconds = args.latency_seconds
    return (
        Objective(
            slo="availability",
            alert="ModelErrorBudgetBurn",
            percent=args.availability_percent,
            period=period,
            valid=queries.valid_rate(window),
            bad=queries.fault_rate(window),
            what_is_bad="failed",
        ),
        Objective(
            slo="latency",
            alert="ModelLatencyBudgetBurn",
            percent=args.latency_percent,
            period=period,
            valid=queries.waited_rate(window),
            bad=queries.slow_rate(seconds, window),
            what_is_bad=f"took longer than {seconds:g} s",
        ),
    )


def _ratio(window: timedelta) -> str:
    return f"{LEVEL}:bad_requests_per_valid_requests:ratio_rate{duration(window)}"


def _bad_of_valid(selector: str, window: timedelta) -> str:
    """Return the PromQL of the share of bad requests. Without requests it is 0, as `bad` is then."""
    bad, valid = f"{BAD}{{{selector}}}", f"{VALID}{{{selector}}}"
    if window > RATE_WINDOW:
        bad, valid = (f"sum_over_time({series}[{duration(window)}])" for series in (bad, valid))
    return f"{bad} / ({valid} > 0) or {bad}"


def _bad_requests(selector: str, window: timedelta) -> str:
    """Return the PromQL of the number of bad requests within a window."""
    if window == RATE_WINDOW:
        return f"{BAD}{{{selector}}} * {RATE_WINDOW.seconds}"
    return f"sum_over_time({BAD}{{{selector}}}[{duration(window)}]) * {INTERVAL.seconds}"


def _is_outage(selector: str, window: timedelta) -> str:
    """Return the PromQL that is true if most requests of a window are bad, and not just one or two are."""
    # Prometheus extrapolates a rate to the ends of its window, so that two requests may count as 2.2.
    least = MIN_OUTAGE_REQUESTS - 0.5
    return f"{_bad_requests(selector, window)} >= {least} and {_ratio(window)}{{{selector}}} > 0.5"
