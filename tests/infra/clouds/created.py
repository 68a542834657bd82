"""Clusters that are created in a cloud, as the program declares them."""

import json
from collections.abc import Callable
from typing import Any

from ops.program import Run
from tests.infra.conftest import CLOUD_CONFIG, one_of

Program = Callable[..., Run]
GKE, EKS, AKS = (CLOUD_CONFIG[name] for name in ("gke", "eks", "aks"))
CLUSTERS = {
    "gke": "gcp:container/cluster:Cluster",
    "eks": "aws:eks/cluster:Cluster",
    "aks": "azure-native:containerservice:ManagedCluster",
}
PLATFORM = "arn:aws:iam::123456789012:role/platform"
GROUP = "00000000-0000-0000-0000-000000000000"
RANGE = "203.0.113.0/24"
KMS = "arn:aws:kms:eu-west-1:123456789012:key/ours"


def created(program: Program, cloud: str, **chosen: Any) -> dict[str, Any]:
    return one_of(program(**CLOUD_CONFIG[cloud], cloud=json.dumps(chosen)), CLUSTERS[cloud])


def of_type(declared: Run, ending: str) -> list[dict[str, Any]]:
    return [resource.inputs for resource in declared.resources if resource.type.endswith(f":{ending}")]
