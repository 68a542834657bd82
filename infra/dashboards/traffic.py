"""Panels of the requests: their rate, their status codes and their latency."""

from grafana_foundation_sdk.builders import heatmap, timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from infra.dashboards.context import DashboardContext
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

QUANTILES = (0.5, 0.95, 0.99)


def request_rate(context: DashboardContext) -> timeseries.Panel:
    """Return the rate of answers."""
    return graph(
        "Request rate",
        "Answers a second over all pods, refusals among them.",
        units.RequestsPerSecond,
        [query(context.queries.request_rate(RATE), "all answers")],
    )


def answers_by_code(context: DashboardContext) -> timeseries.Panel:
    """Return the rate of answers by status code. Each class of codes has a colour."""
    panel = graph(
        "Answers by code",
        "Answers a second by HTTP status code. 503 is overload, told early; 504 a deadline that passed; "
        "500 a fault of the model; 499 a client that left.",
        units.RequestsPerSecond,
        [query(f"{context.queries.request_rate_by_code(RATE)} > 0", "{{code}}")],
        stacked=True,
    )
    for pattern, shade in (("/^2/", GREEN), ("/^4/", ORANGE), ("/^5/", RED)):
        # Shades tell two codes of a class apart.
        color = {"mode": "shades", "fixedColor": shade}
        panel.override_by_regexp(pattern, [DynamicConfigValue(id_val="color", value=color)])
    return panel


def errors(context: DashboardContext) -> timeseries.Panel:
    """Return the panel of the error ratio, with the share that the objective allows as a line."""
    allowed = (100 - context.objectives.availability_percent) / 100
    return graph(
        "Error ratio",
        "Share of the valid requests that failed by a fault of the service: 5xx except 501 and 505. "
        f"The objective allows {allowed:.4g}.",
        units.PercentUnit,
        [query(context.queries.error_ratio(RATE), "5xx except 501 and 505")],
        limit=allowed,
    )


def latency(context: DashboardContext) -> timeseries.Panel:
    """Return quantiles of latency, with the objective and what the autoscaler follows."""
    seconds, percent = context.objectives.latency_seconds, context.objectives.latency_percent
    # The query gives 0 when nobody waited, for the autoscaler. On the graph 0 would look like a very fast
    # answer.
    queries = [
        query(f"({context.queries.waited_quantile(share, RATE)}) > 0", f"p{share * 100:g}")
        for share in QUANTILES
    ]
    metric = context.metric
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


def latency_heat_map(context: DashboardContext) -> heatmap.Panel:
    """Return how many answers took how long, over time."""
    return heat_map(
        "Latency heat map",
        "Answers a second by how long they took, a row a bucket. Two bands are two kinds of request, "
        "or a queue that fills and empties.",
        units.Seconds,
        context.queries.latency_buckets(RATE),
    )


def refusals(context: DashboardContext) -> timeseries.Panel:
    """Return the rate of refusals by reason."""
    return graph(
        "Refused by reason",
        "Requests a second that got no answer of the model: overloaded, late, or not what the model takes.",
        units.RequestsPerSecond,
        [query(f"{context.queries.rejected_rate_by_reason(RATE)} > 0", "{{reason}}")],
        stacked=True,
    ).no_value("No request was refused")
