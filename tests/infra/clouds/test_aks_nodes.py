"""The system pool and the access rules of a created AKS cluster."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from ops.program import Run
from tests.infra.conftest import CLOUD_CONFIG, one_of, require_sdks


@pytest.fixture
def cluster(program: Callable[..., Run], clouds: Any) -> dict[str, Any]:  # noqa: ARG001
    require_sdks("pulumi_azure_native")
    return one_of(program(**CLOUD_CONFIG["aks"]), "azure-native:containerservice:ManagedCluster")


def test_the_system_pool_has_the_nodes_that_aks_asks_for(cluster: dict[str, Any]):
    (pool,) = cluster["agentPoolProfiles"]

    assert pool["mode"] == "System"
    # https://learn.microsoft.com/azure/aks/use-system-pools: two nodes, four virtual CPUs each. The number in
    # the name of a size is that of its CPUs.
    assert min(pool["count"], pool["minCount"]) >= 2
    cpus = re.fullmatch(r"Standard_[A-Z]+(\d+)[a-z]*_v\d+", pool["vmSize"])
    assert cpus
    assert int(cpus[1]) >= 4


def test_the_api_asks_what_a_caller_may_do(cluster: dict[str, Any]):
    assert cluster["enableRBAC"] is True
