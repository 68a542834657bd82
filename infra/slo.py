"""What the service has promised, as Prometheus rules: error budgets, and alerts on how fast they are spent.

The alerts are the multi-window, multi-burn-rate ones of chapter 5 of Google's SRE workbook,
https://sre.google/workbook/alerting-on-slos/: someone is paged, or given a ticket, when a share of the
budget was spent within a long window, and is still being spent in the last twelfth of it.

Availability: of the requests that are valid (not 4xx), those answered with 5xx are bad. So are those refused
for overload (503), or a service that refuses everyone would keep its promise, and those whose deadline
passed (504), though the client may have set it. Latency: of the requests that were answered (2xx) or whose
client left (499), those that took longer than the threshold are bad. A fault is counted by availability.

What never reached a pod is not counted; that no pod is there to reach is an alert of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from infra.queries import Queries
from infra.settings import Settings

Rule = dict[str, Any]
Group = dict[str, Any]
Severity = Literal["page", "ticket"]

INTERVAL = timedelta(seconds=30)
"""How often the rules are evaluated. By it, a sum of recorded rates is a number of requests."""

RATE_WINDOW = timedelta(minutes=5)
"""How far a recorded rate looks back. Longer windows add these up, and so reach as much further back."""

FEWEST_BAD = 10
"""Bad requests in the long window below which nobody is alerted: of few requests, one is a large share."""

UNAVAILABLE_FOR = timedelta(minutes=5)

LEVEL = "namespace_service_slo"
"""Labels of all that is recorded. `slo` is availability or latency."""

VALID = f"{LEVEL}:valid_requests:rate5m"
"""Recorded: the requests a second that count for an objective."""

BAD = f"{LEVEL}:bad_requests:rate5m"
"""Recorded: those among them that it forbids."""

BUDGET_REMAINING = f"{LEVEL}:error_budget_remaining:ratio"
"""Recorded: the share of the budget that is left. 1 is all of it, and below 0 the promise is broken."""


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """So many percent of the budget, spent within so long."""

    severity: Severity
    percent: int
    long: timedelta

    @property
    def short(self) -> timedelta:
        """The window in which it must still go on."""
        return self.long / 12

    def factor(self, period: timedelta) -> float:
        """Return how much faster that is than the budget of a period lasts for.

        14.4, 6, 3 and 1 for 30 days. Never below 1, as shorter periods would have it: what is spent slower
        lasts.

        """
        return max(1.0, self.percent * (period / self.long) / 100)


BURN_RATES = (
    BurnRate(severity="page", percent=2, long=timedelta(hours=1)),
    BurnRate(severity="page", percent=5, long=timedelta(hours=6)),
    BurnRate(severity="ticket", percent=10, long=timedelta(days=1)),
    BurnRate(severity="ticket", percent=10, long=timedelta(days=3)),
)


def slo_rules(settings: Settings, model: str, runbooks: str) -> list[Group]:
    """Return the groups of a PrometheusRule: what is recorded of the objectives, and the alerts.

    Alerts are labelled `severity`, page or ticket. Prometheus must keep its samples for the objectives' whole
    period, or the budget that is left is that of what it keeps.

    Args:
        settings: the stack's, its objectives among them.
        model: the model's name, and so its Deployment's.
        runbooks: where the pages of `docs/runbooks` are read, a URL; each alert links to its own below it.

    """
    queries = Queries(namespace=settings.namespace)
    subject = f"{model} in {queries.namespace}"
    where = {"namespace": queries.namespace, "service": queries.service}
    groups = {one.slo: one.rules(subject, where) for one in _objectives(settings, queries)}
    groups["pods"] = [_unavailable(settings, queries, model, subject, where)]
    for rules in groups.values():
        for rule in rules:
            if alert := rule.get("alert"):
                rule["annotations"]["runbook_url"] = f"{runbooks}/{alert}.md"
    return [
        {"name": f"{model}-{name}", "interval": _duration(INTERVAL), "rules": rules}
        for name, rules in groups.items()
    ]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A promise: of the valid requests of a period, so many percent are not bad."""

    slo: Literal["availability", "latency"]
    alert: str
    percent: float
    period: timedelta
    valid: str
    """PromQL of the valid requests a second, over `RATE_WINDOW`."""
    bad: str
    """PromQL of the bad ones among them."""
    what_is_bad: str
    """In words, after "of the requests"."""

    @property
    def budget(self) -> str:
        """The share of the requests that may be bad."""
        return f"{(100 - self.percent) / 100:.6g}"

    def burn_rates(self) -> Iterator[tuple[BurnRate, float]]:
        """Yield each speed with its factor, unless it is out of reach even where every request is bad."""
        for one in BURN_RATES:
            factor = one.factor(self.period)
            if factor * float(self.budget) < 1:
                yield one, factor

    def rules(self, subject: str, where: Mapping[str, str]) -> list[Rule]:
        """Return what is recorded, and the alerts, of the subject whose series have these labels."""
        labels = {**where, "slo": self.slo}
        selector = ",".join(f'{name}="{value}"' for name, value in labels.items())
        windows = {window for one in BURN_RATES for window in (one.short, one.long)} | {self.period}
        return [
            {"record": VALID, "expr": self.valid, "labels": labels},
            {"record": BAD, "expr": self.bad, "labels": labels},
            *(
                {"record": _ratio(one), "expr": _bad_of_valid(selector, one), "labels": labels}
                for one in sorted(windows)
            ),
            {
                "record": BUDGET_REMAINING,
                "expr": f"1 - {_ratio(self.period)}{{{selector}}} / {self.budget}",
                "labels": labels,
            },
            *(self._burns(subject, selector, one, factor) for one, factor in self.burn_rates()),
        ]

    def _burns(self, subject: str, selector: str, rate: BurnRate, factor: float) -> Rule:
        long, short = _duration(rate.long), _duration(rate.short)
        threshold = f"({factor:.6g} * {self.budget})"
        bad = f"sum_over_time({BAD}{{{selector}}}[{long}]) * {INTERVAL.seconds}"
        return {
            "alert": self.alert,
            "expr": f"{_ratio(rate.long)}{{{selector}}} > {threshold}"
            f" and {_ratio(rate.short)}{{{selector}}} > {threshold}"
            f" and {bad} >= {FEWEST_BAD}",
            "labels": {"severity": rate.severity, "long_window": long, "short_window": short},
            "annotations": {
                "summary": f"{subject} spends its {self.slo} budget {factor:.3g}x as fast as it lasts",
                "description": f"{{{{ $value | humanizePercentage }}}} of the requests of the last {long} "
                f"{self.what_is_bad}, and it goes on. Over {self.period.days} days "
                f"{100 - self.percent:.6g}% may.",
            },
        }


def _objectives(settings: Settings, queries: Queries) -> tuple[Objective, Objective]:
    period, over = timedelta(days=settings.slo_window_days), _duration(RATE_WINDOW)
    seconds = settings.slo_latency_seconds
    return (
        Objective(
            slo="availability",
            alert="ModelErrorBudgetBurn",
            percent=settings.slo_availability,
            period=period,
            valid=queries.valid_rate(over),
            bad=queries.fault_rate(over),
            what_is_bad="failed",
        ),
        Objective(
            slo="latency",
            alert="ModelLatencyBudgetBurn",
            percent=settings.slo_latency_percent,
            period=period,
            valid=queries.waited_rate(over),
            bad=queries.slow_rate(seconds, over),
            what_is_bad=f"took longer than {seconds:g} s",
        ),
    )


def _unavailable(
    settings: Settings, queries: Queries, model: str, subject: str, where: Mapping[str, str]
) -> Rule:
    none_is_ready = f"absent({queries.ready()} > 0)"
    if settings.min_replicas == 0:
        # Asleep is not broken. Only kube-state-metrics can tell them apart.
        replicas = f'kube_deployment_spec_replicas{{namespace="{queries.namespace}",deployment="{model}"}}'
        none_is_ready += f" and on () {replicas} > 0"
    return {
        "alert": "ModelUnavailable",
        "expr": none_is_ready,
        "for": _duration(UNAVAILABLE_FOR),
        "labels": {**where, "severity": "page"},
        "annotations": {
            "summary": f"{subject} has no pod that is ready",
            "description": f"For {_duration(UNAVAILABLE_FOR)} no pod has said that its model is loaded, warm "
            "and not draining: there is none, or Prometheus does not reach it.",
        },
    }


def _ratio(window: timedelta) -> str:
    return f"{LEVEL}:bad_requests_per_valid_requests:ratio_rate{_duration(window)}"


def _bad_of_valid(selector: str, window: timedelta) -> str:
    """Return the PromQL of the share that was bad. Of no requests, none was: 0, as `bad` is then."""
    bad, valid = f"{BAD}{{{selector}}}", f"{VALID}{{{selector}}}"
    if window > RATE_WINDOW:
        bad, valid = (f"sum_over_time({one}[{_duration(window)}])" for one in (bad, valid))
    return f"{bad} / ({valid} > 0) or {bad}"


def _duration(span: timedelta) -> str:
    """Write a duration as Prometheus does, in its largest unit that is whole."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if span.total_seconds() % length == 0:
            return f"{span.total_seconds() / length:.0f}{unit}"
    return f"{span.total_seconds():.0f}s"
