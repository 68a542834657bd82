"""Panels of the queue before the model, and of the batches."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import units

from infra.dashboards.context import DashboardContext
from infra.dashboards.panels import ORANGE, RATE, SCALES_UP, dashed, graph, query


def queue_depth(context: DashboardContext) -> timeseries.Panel:
    """Return the number of waiting samples, and the number above which pods are added."""
    queue_size = context.server.queue_size
    return _signal(
        context,
        "Queue depth",
        "Samples that wait for the model, over all pods. "
        + (f"Each refuses above {queue_size}." if queue_size else "Each refuses when its queue is full."),
        context.queries.queue_depth(),
        "waiting",
    )


def in_flight(context: DashboardContext) -> timeseries.Panel:
    """Return the number of requests being answered, and the number above which pods are added."""
    return _signal(
        context,
        "Requests in flight",
        "Requests being answered, those that wait among them, over all pods.",
        context.queries.in_flight(),
        "in flight",
    )


def queue_wait(context: DashboardContext) -> timeseries.Panel:
    """Return how long requests wait for the model."""
    return graph(
        "Queue wait",
        "How long requests waited for the model: the part of the latency that more pods would take away.",
        units.Seconds,
        [
            query(context.queries.queue_wait_quantile(share, RATE), f"p{share * 100:g}")
            for share in (0.5, 0.95, 0.99)
        ],
    )


def batch_size(context: DashboardContext) -> timeseries.Panel:
    """Return the mean number of samples in a batch."""
    batch_size = context.server.batch_size
    return graph(
        "Batch size",
        "Mean number of samples that the model was given at once. It grows with the queue, up to what is "
        "worth it for the model" + (f", at most {batch_size}." if batch_size else "."),
        units.Short,
        [query(context.queries.batch_size(RATE), "samples")],
    )


def _signal(
    context: DashboardContext, title: str, description: str, expression: str, legend: str
) -> timeseries.Panel:
    """Return a graph of a signal. If the autoscaler follows it, a dashed line shows the target."""
    metric, queries = context.metric, [query(expression, legend)]
    if metric is None or metric.query != expression:
        return graph(title, description, units.Short, queries)
    # The target is for one pod, so the line rises with the number of pods.
    queries.append(query(f"{context.kubernetes.desired()} * {metric.target:g}", SCALES_UP))
    description += f" Above {metric.target:g} for each pod there are more pods."
    return dashed(graph(title, description, units.Short, queries), SCALES_UP, ORANGE)
