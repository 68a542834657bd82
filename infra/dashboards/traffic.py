"""Panels of the requests: how many, how they ended, how long they took."""

from grafana_foundation_sdk.builders import heatmap, timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from infra.dashboards.panels import (
    GREEN,
    ORANGE,
    RATE,
    RED,
    SCALES_UP,
    dashed,
    graph,
    heat_map,
    query,
)
from infra.dashboards.watched import Watched

QUANTILES = (0.5, 0.95, 0.99)


def request_rate(watched: Watched) -> timeseries.Panel:
    """Return the rate of answers."""
    return graph(
        "Request rate",
        "Answers a second over all pods, refusals among them.",
        units.RequestsPerSecond,
        [query(watched.queries.request_rate(RATE), "all answers")],
    )


def answers_by_code(watched: Watched) -> timeseries.Panel:
    """Return the rates of answers by status code, each class of codes in its colour."""
    panel = graph(
        "Answers by code",
        "Answers a second by HTTP status code. 503 is overload, told early; 504 a deadline that passed; "
        "500 a fault of the model; 499 a client that left.",
        units.RequestsPerSecond,
        [query(f"{watched.queries.request_rate_by_code(RATE)} > 0", "{{code}}")],
        stacked=True,
    )
    for pattern, shade in (("/^2/", GREEN), ("/^4/", ORANGE), ("/^5/", RED)):
        # Shades, so that two codes of a class are told apart.
        color = {"mode": "shades", "fixedColor": shade}
        panel.override_by_regexp(pattern, [DynamicConfigValue(id_val="color", value=color)])
    return panel


def errors(watched: Watched) -> timeseries.Panel:
    """Return the share of answers that were faults, against what was promised."""
    allowed = (100 - watched.settings.slo_availability) / 100
    return graph(
        "Error ratio",
        f"Share of the valid requests that were answered with 5xx. The objective allows {allowed:.4g}.",
        units.PercentUnit,
        [query(watched.queries.error_ratio(RATE), "5xx")],
        limit=allowed,
    )


def latency(watched: Watched) -> timeseries.Panel:
    """Return quantiles of latency, against what was promised and what the autoscaler follows."""
    seconds, percent = watched.settings.slo_latency_seconds, watched.settings.slo_latency_percent
    # Zero says that nobody waited, for the autoscaler: here it would look like the fastest of answers.
    queries = [
        query(f"({watched.queries.waited_quantile(share, RATE)}) > 0", f"p{share * 100:g}")
        for share in QUANTILES
    ]
    metric = watched.metric
    if metric and metric.target_type == "Value":
        queries += [query(metric.query, "scaled by"), query(f"vector({metric.target:g})", SCALES_UP)]
    panel = graph(
        "Latency",
        "From a request's headers to its answer, those that were given up among them; refusals are quick "
        f"and left out. The objective: {percent:g} % within {seconds:g} s, the dashed line.",
        units.Seconds,
        queries,
        limit=seconds,
    )
    return dashed(panel, SCALES_UP, ORANGE)


def latency_heat_map(watched: Watched) -> heatmap.Panel:
    """Return how many answers took how long."""
    return heat_map(
        "Latency heat map",
        "Answers a second by how long they took, a row a bucket. Two bands are two kinds of request, "
        "or a queue that fills and empties.",
        units.Seconds,
        watched.queries.latency_buckets(RATE),
    )


def refusals(watched: Watched) -> timeseries.Panel:
    """Return the rates of refusals by reason."""
    return graph(
        "Refused by reason",
        "Requests a second that got no answer of the model: overloaded, late, or not what the model takes.",
        units.RequestsPerSecond,
        [query(f"{watched.queries.rejected_rate_by_reason(RATE)} > 0", "{{reason}}")],
        stacked=True,
    ).no_value("No request was refused")
