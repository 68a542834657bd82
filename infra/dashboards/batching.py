"""Panels of what lies between a request and the model: the queue, and the batches."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import units

from infra.dashboards.panels import ORANGE, RATE, SCALES_UP, dashed, graph, query
from infra.dashboards.watched import Watched


def queue_depth(watched: Watched) -> timeseries.Panel:
    """Return how many samples wait, against what the autoscaler lets wait."""
    return _signal(
        watched,
        "Queue depth",
        f"Samples that wait for the model, over all pods. Each refuses above {watched.settings.queue_size}.",
        watched.queries.queue_depth(),
        "waiting",
    )


def in_flight(watched: Watched) -> timeseries.Panel:
    """Return how many requests are being answered, against what the autoscaler aims for."""
    return _signal(
        watched,
        "Requests in flight",
        "Requests being answered, those that wait among them, over all pods.",
        watched.queries.in_flight(),
        "in flight",
    )


def queue_wait(watched: Watched) -> timeseries.Panel:
    """Return how long requests wait."""
    return graph(
        "Queue wait",
        "How long requests waited for the model: the part of the latency that more pods would take away.",
        units.Seconds,
        [
            query(watched.queries.queue_wait_quantile(share, RATE), f"p{share * 100:g}")
            for share in (0.5, 0.95, 0.99)
        ],
    )


def batch_size(watched: Watched) -> timeseries.Panel:
    """Return how many samples the model is given at once."""
    return graph(
        "Batch size",
        "Mean number of samples that the model was given at once. It grows with the queue, up to what is "
        f"worth it for the model, at most {watched.settings.batch_size}.",
        units.Short,
        [query(watched.queries.batch_size(RATE), "samples")],
    )


def _signal(watched: Watched, title: str, description: str, expression: str, legend: str) -> timeseries.Panel:
    """Return a graph of what the autoscaler may follow, and its bound where it does."""
    metric, queries = watched.metric, [query(expression, legend)]
    if metric is None or metric.query != expression:
        return graph(title, description, units.Short, queries)
    # The target is a pod's share, so what is borne grows with the pods.
    queries.append(query(f"{watched.kubernetes.wanted()} * {metric.target:g}", SCALES_UP))
    description += f" Above {metric.target:g} for each pod there are more pods."
    return dashed(graph(title, description, units.Short, queries), SCALES_UP, ORANGE)
