"""The rule for disruption budgets, which keep pods while nodes are drained."""

from collections.abc import Iterator, Sequence

from .resource import Resource, part, selects
from .rule import Broken

SCALED = ("Deployment", "StatefulSet")
MOST_OF_SCALER = {"HorizontalPodAutoscaler": "maxReplicas", "ScaledObject": "maxReplicaCount"}
MOST_OF_KEDA = 100
"""KEDA's own maximum: https://keda.sh/docs/latest/reference/scaledobject-spec/#maxreplicacount."""


def disruption_budget(resources: Sequence[Resource]) -> Iterator[Broken]:
    """Find workloads that may have several pods, and no budget that keeps some of them."""
    budgets = [item.spec.get("selector") for item in resources if item.kind == "PodDisruptionBudget"]
    for workload in resources:
        if workload.kind not in SCALED or any(selects(item, workload.pod_labels) for item in budgets):
            continue
        if (most := _most_pods(workload, resources)) > 1:
            yield Broken(
                resource=workload,
                message=f"it may have {most} pods, and a drained node may stop all of them at once: add a "
                "PodDisruptionBudget that selects them",
            )


def _most_pods(workload: Resource, resources: Sequence[Resource]) -> int:
    """Return how many pods a workload has at most: by its autoscaler, or by itself."""
    for scaler in resources:
        target = part(scaler.spec, "scaleTargetRef")
        if scaler.kind not in MOST_OF_SCALER or target.get("name") != workload.name:
            continue
        if target.get("kind", "Deployment") == workload.kind:
            return scaler.spec.get(MOST_OF_SCALER[scaler.kind], MOST_OF_KEDA)
    return workload.spec.get("replicas", 1)
