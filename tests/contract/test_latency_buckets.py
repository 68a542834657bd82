"""The server counts latencies in the buckets that the objectives may name."""

from app.serving.metrics import LATENCY_BUCKETS
from infra.settings.monitoring import LATENCY_BOUNDS


def test_an_objective_may_name_exactly_the_bounds_that_the_server_counts():
    assert tuple(LATENCY_BOUNDS) == tuple(LATENCY_BUCKETS)
