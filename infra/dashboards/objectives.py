"""Panels of what was promised: how much of the error budgets is left, and how fast they are spent."""

from datetime import timedelta

from grafana_foundation_sdk.builders import stat, timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.common import BigValueGraphMode, BigValueTextMode

from infra.dashboards.panels import BLUE, GREEN, ORANGE, RED, graph, latest, number, query, steps
from infra.dashboards.watched import Watched
from infra.slo import BAD, BUDGET_REMAINING, BURN_RATES, VALID

SLOS = ("availability", "latency")
SCARCE = 0.25
"""Share of a budget below which its figure turns orange."""


def version(watched: Watched) -> stat.Panel:
    """Return the version that is served; two during a rollout."""
    return (
        number(
            "Model version",
            "Versions that pods serve: a hash of weights, formats and signature. Two during a rollout.",
            units.Short,
            latest(watched.queries.versions(), "{{version}}"),
            steps(first=BLUE),
        )
        .text_mode(BigValueTextMode.NAME)
        .graph_mode(BigValueGraphMode.NONE)
    )


def ready(watched: Watched) -> stat.Panel:
    """Return how many pods answer: none is red, unless the service may sleep."""
    none = RED if watched.settings.min_replicas else BLUE
    return number(
        "Ready pods",
        "Pods whose model is loaded, warm and not draining.",
        units.Short,
        query(watched.kubernetes.there(), "pods"),
        steps((1, GREEN), first=none),
    )


def budget_left(watched: Watched, slo: str) -> stat.Panel:
    """Return the share of an error budget that is left."""
    return number(
        f"{slo.capitalize()} budget left",
        f"Share of the error budget of the last {watched.settings.slo_window_days} days that is left. "
        f"The objective: {_promise(watched, slo)}. Below 0 it is broken.",
        units.PercentUnit,
        query(_recorded(watched, BUDGET_REMAINING, slo), slo),
        steps((0, ORANGE), (SCARCE, GREEN), first=RED),
    )


def budgets(watched: Watched) -> timeseries.Panel:
    """Return the course of the error budgets."""
    panel = graph(
        "Error budgets",
        f"Share of each error budget of the last {watched.settings.slo_window_days} days that is left.",
        units.PercentUnit,
        [query(_recorded(watched, BUDGET_REMAINING, slo), slo) for slo in SLOS],
        least=None,
    )
    return panel.max(1)


def burn_rate(watched: Watched) -> timeseries.Panel:
    """Return how fast the error budgets are spent, against what someone is paged for."""
    fastest, window = BURN_RATES[0], timedelta(days=watched.settings.slo_window_days)
    hours = fastest.long // timedelta(hours=1)
    factor = fastest.factor(window)
    return graph(
        "Burn rate",
        f"How many times faster than sustainable each error budget was spent in the last {hours} h: at 1 it "
        f"lasts for its window. At {factor:.3g}, the dashed line, someone is paged.",
        units.Short,
        [query(_burn_rate(watched, slo, f"{hours}h"), slo) for slo in SLOS],
        limit=factor,
    )


def _burn_rate(watched: Watched, slo: str, window: str) -> str:
    bad, valid = (f"sum_over_time({_recorded(watched, metric, slo)}[{window}])" for metric in (BAD, VALID))
    return f"{bad} / {valid} / {_allowed(watched, slo):.6g}"


def _recorded(watched: Watched, metric: str, slo: str) -> str:
    namespace, service = watched.queries.namespace, watched.queries.service
    return f'{metric}{{namespace="{namespace}",service="{service}",slo="{slo}"}}'


def _allowed(watched: Watched, slo: str) -> float:
    settings = watched.settings
    percent = settings.slo_availability if slo == "availability" else settings.slo_latency_percent
    return (100 - percent) / 100


def _promise(watched: Watched, slo: str) -> str:
    settings = watched.settings
    if slo == "availability":
        return f"{settings.slo_availability:g} % of the valid requests are answered without a fault"
    return f"{settings.slo_latency_percent:g} % of the answers within {settings.slo_latency_seconds:g} s"
