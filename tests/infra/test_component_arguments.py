"""Conflicting arguments of the components are refused, with a message that says what is allowed."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from infra.autoscaling import ScalingArgs
from infra.autoscaling.metric import Metric
from infra.objectives import ObjectivesArgs

METRIC = Metric.of_signal("queue-depth", 8, "models", "cats")
URL = "http://prometheus:9090"


def scaling(**changes: Any) -> ScalingArgs:
    given: dict[str, Any] = {"min_replicas": 2, "max_replicas": 4, "target_cpu_utilization": 60}
    return ScalingArgs(**{**given, **changes})


def objectives(**changes: Any) -> ObjectivesArgs:
    given: dict[str, Any] = {
        "availability_percent": 99.9,
        "latency_seconds": 0.5,
        "latency_percent": 99,
        "window_days": 30,
    }
    return ObjectivesArgs(**{**given, **changes})


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda: scaling(max_replicas=1), "max_replicas: 1: at least 1 and min_replicas"),
        (lambda: scaling(metric=METRIC), "backend: 'hpa-cpu': prometheus-adapter or keda"),
        (lambda: scaling(metric=METRIC, backend="keda"), "prometheus_url: None: an address"),
        (lambda: scaling(min_replicas=0, backend="keda", prometheus_url=URL), "min_replicas: 0: at least 1"),
        (lambda: objectives(latency_seconds=0.3), "latency_seconds: 0.3: one of 0.001"),
    ],
)
def test_a_problem_names_the_argument_its_value_and_what_is_allowed(
    declare: Callable[[], object], problem: str
):
    with pytest.raises(pulumi.RunError, match=problem):
        declare()


def test_valid_arguments_are_accepted():
    assert scaling(metric=METRIC, backend="keda", prometheus_url=URL).metric == METRIC
    assert scaling(min_replicas=0, backend="keda", prometheus_url=URL, wake_query="up").min_replicas == 0
    assert objectives(latency_seconds=1).window_days == 30
