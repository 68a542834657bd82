"""A model of how Kubernetes, prometheus-adapter and KEDA choose the number of pods.

Kubernetes' algorithm is told at
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details;
as in its pkg/controller/podautoscaler (1.34), all numbers here are whole thousandths.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

Spec = dict[str, Any]
"""The tolerance of a HorizontalPodAutoscaler."""

Answers = Mapping[str, float | None]
"""The answer of Prometheus by query; None is an empty answer."""

TOLERANCE = 0.1
UNITS = {"m": 1, "": 1000, "k": 1000_000}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The state of a service at one time."""

    replicas: int
    ready: int
    cpu: int | None
    """The average CPU usage of the ready pods, in percent of the request; None if it is not measured."""


def thousandths(quantity: str) -> int:
    """Return the value of a Kubernetes quantity."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([mk]?)", quantity)
    assert match, quantity
    return ceil(float(match[1]) * UNITS[match[2]])


def by_adapter(spec: Spec, rule: dict[str, Any], answers: Answers, seen: Seen) -> int:
    """Return the number of wanted pods with prometheus-adapter."""
    answer = answers[rule["metricsQuery"]]
    served = None if answer is None else int(answer * 1000)
    return wanted(spec, {rule["name"]["as"]: served}, seen)


def by_keda(scaled_object: Spec, answers: Answers, seen: Seen) -> int:
    """Return the number of wanted pods with KEDA."""
    served: dict[str, int | None] = {}
    metrics: list[Spec] = []
    for index, trigger in enumerate(scaled_object["triggers"]):
        metadata, kind = trigger["metadata"], trigger["metricType"]
        if trigger["type"] == "cpu":
            target = {"type": kind, "averageUtilization": int(metadata["value"])}
            metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
            continue
        name = f"s{index}-prometheus"
        answer = answers[metadata["query"]]
        if answer is None and metadata["ignoreNullValues"] == "true":
            answer = 0
        served[name] = None if answer is None else thousandths(f"{answer:.3f}")
        field = {"AverageValue": "averageValue", "Value": "value"}[kind]
        target = {"type": kind, field: f"{float(metadata['threshold']):.3f}"}
        metrics.append({"type": "External", "external": {"metric": {"name": name}, "target": target}})
    spec = {
        "minReplicas": max(1, scaled_object["minReplicaCount"]),
        "maxReplicas": scaled_object["maxReplicaCount"],
        "metrics": metrics,
    }
    return wanted(spec, served, seen)


def wanted(spec: Spec, served: Mapping[str, int | None], seen: Seen) -> int:
    """Return the number of pods that a HorizontalPodAutoscaler wants, without its behavior."""
    if seen.replicas == 0:
        return 0
    proposed = [_of_metric(metric, served, seen) for metric in spec["metrics"]]
    known = [count for count in proposed if count is not None]
    most = max(known, default=seen.replicas)
    if len(known) < len(proposed):
        # What is missing may have asked for more.
        most = max(most, seen.replicas)
    return min(max(most, spec["minReplicas"]), spec["maxReplicas"])


def _of_metric(metric: Spec, served: Mapping[str, int | None], seen: Seen) -> int | None:
    if metric["type"] == "Resource":
        assert metric["resource"]["name"] == "cpu"
        target = metric["resource"]["target"]
        assert target["type"] == "Utilization"
        return None if seen.cpu is None else _per_pod(seen.cpu / target["averageUtilization"], seen)
    target, value = metric["external"]["target"], served[metric["external"]["metric"]["name"]]
    if value is None:
        return None
    if target["type"] == "Value":
        return _per_pod(value / thousandths(target["value"]), seen)
    assert target["type"] == "AverageValue"
    share = value / thousandths(target["averageValue"])
    return seen.replicas if _is_near(share / seen.replicas) else ceil(share)


def _per_pod(ratio: float, seen: Seen) -> int:
    return seen.replicas if _is_near(ratio) else ceil(ratio * seen.ready)


def _is_near(ratio: float) -> bool:
    return 1 - TOLERANCE <= ratio <= 1 + TOLERANCE
