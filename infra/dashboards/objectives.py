"""Panels of the objectives: how much of each error budget is left, and how fast it is spent."""

from datetime import timedelta

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.common import BigValueGraphMode, BigValueTextMode

from infra.dashboards.context import DashboardContext
from infra.dashboards.panels import BLUE, GREEN, ORANGE, RED, graph, latest, number, query, steps
from infra.queries import exactly
from infra.slo import BAD, BUDGET_REMAINING, BURN_RATES, VALID

SLOS = ("availability", "latency")
LOW_BUDGET = 0.25
"""Share of a budget below which its number turns orange."""


def version(context: DashboardContext) -> stat.Panel:
    """Return the served version; two of them during a rollout."""
    return (
        number(
            "Model version",
            "Versions that pods serve: a hash of weights, formats and signature. Two during a rollout.",
            units.Short,
            latest(context.queries.versions(), "{{version}}"),
            steps(first=BLUE),
        )
        .text_mode(BigValueTextMode.NAME)
        .graph_mode(BigValueGraphMode.NONE)
    )


def ready(context: DashboardContext) -> stat.Panel:
    """Return the number of ready pods. Zero is red, unless the service may be scaled to zero."""
    zero_color = RED if context.scaling.min_replicas else BLUE
    return number(
        "Ready pods",
        "Pods whose model is loaded, warm and not draining.",
        units.Short,
        query(context.kubernetes.ready(), "pods"),
        steps((1, GREEN), first=zero_color),
    )


def budget_left(context: DashboardContext, slo: str) -> stat.Panel:
    """Return the remaining share of an error budget."""
    return number(
        f"{slo.capitalize()} budget left",
        f"Share of the error budget of the last {context.objectives.window_days} days that is left. "
        f"The objective: {_promise(context, slo)}. Below 0 it is broken.",
        units.PercentUnit,
        query(_recorded(context, BUDGET_REMAINING, slo), slo),
        steps((0, ORANGE), (LOW_BUDGET, GREEN), first=RED),
    )


def budgets(context: DashboardContext) -> timeseries.Panel:
    """Return the error budgets over time."""
    panel = graph(
        "Error budgets",
        f"Share of each error budget of the last {context.objectives.window_days} days that is left.",
        units.PercentUnit,
        [query(_recorded(context, BUDGET_REMAINING, slo), slo) for slo in SLOS],
        minimum=None,
    )
    return panel.max(1)


def burn_rate(context: DashboardContext) -> timeseries.Panel:
    """Return how fast the error budgets are spent, and the speed above which someone is paged."""
    fastest, window = BURN_RATES[0], timedelta(days=context.objectives.window_days)
    hours = fastest.long // timedelta(hours=1)
    factor = fastest.factor(window)
    return graph(
        "Burn rate",
        f"How many times faster than sustainable each error budget was spent in the last {hours} h: at 1 it "
        f"lasts for its window. At {factor:.3g}, the dashed line, someone is paged.",
        units.Short,
        [query(_burn_rate(context, slo, f"{hours}h"), slo) for slo in SLOS],
        limit=factor,
    )


def _burn_rate(context: DashboardContext, slo: str, window: str) -> str:
    bad, valid = (f"sum_over_time({_recorded(context, metric, slo)}[{window}])" for metric in (BAD, VALID))
    return f"{bad} / {valid} / {_allowed(context, slo):.6g}"


def _recorded(context: DashboardContext, metric: str, slo: str) -> str:
    return f"{metric}{{{exactly({**context.queries.labels, 'slo': slo})}}}"


def _allowed(context: DashboardContext, slo: str) -> float:
    objectives = context.objectives
    percent = objectives.availability_percent if slo == "availability" else objectives.latency_percent
    return (100 - percent) / 100


def _promise(context: DashboardContext, slo: str) -> str:
    objectives = context.objectives
    if slo == "availability":
        return f"{objectives.availability_percent:g} % of the valid requests are answered without a fault"
    return f"{objectives.latency_percent:g} % of the answers within {objectives.latency_seconds:g} s"
