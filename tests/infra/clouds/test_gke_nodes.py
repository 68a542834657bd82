"""The accounts, zones and GPUs of GKE's nodes."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.errors import OperationError
from ops.program import Run
from tests.conftest import StackOf
from tests.infra.conftest import ANSWERS, CLOUD_CONFIG, GPU, one_of, require_sdks
from tests.infra.declarations import declarations
from tests.parsing import problems

GKE = CLOUD_CONFIG["gke"]
REGIONAL = {"cluster": "gke", "gcp:project": "acme", "gcp:region": "europe-west4"}
POOL = "gcp:container/nodePool:NodePool"
MEMBER = "gcp:projects/iAMMember:IAMMember"
EMAIL = "cluster-nodes@acme.iam.gserviceaccount.com"
Program = Callable[..., Run]


def pools(declared: Run) -> dict[str, dict[str, Any]]:
    return {resource.name: resource.inputs for resource in declared.resources if resource.type == POOL}


@pytest.mark.usefixtures("clouds")
def test_created_nodes_run_as_an_account_with_the_rights_of_a_node_alone(program: Program):
    declared = program(**GKE, **GPU)

    accounts = {name: pool["nodeConfig"]["serviceAccount"] for name, pool in pools(declared).items()}
    assert accounts == {"cluster-nodes": EMAIL, "gpu": EMAIL}
    grant = one_of(declared, MEMBER)
    # https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster#use_least_privilege_sa
    assert grant == {
        "project": "acme",
        "role": "roles/container.defaultNodeServiceAccount",
        "member": f"serviceAccount:{EMAIL}",
    }


@pytest.mark.usefixtures("clouds")
def test_nodes_wait_for_the_rights_of_their_account(stack_of: StackOf):
    options = {
        declaration.name: declaration.options
        for declaration in declarations(stack_of(**GKE))
        if declaration.type == POOL
    }

    assert f"{MEMBER} cluster-nodes" in options["cluster-nodes"]["dependsOn"]


@pytest.mark.usefixtures("clouds")
@pytest.mark.parametrize(
    ("nodes", "account"),
    [([{"nodeConfigs": [{"serviceAccount": "theirs@acme"}]}], "theirs@acme"), ([], None)],
)
def test_gpu_nodes_of_a_found_cluster_run_as_its_other_nodes_do(
    program: Program, monkeypatch: pytest.MonkeyPatch, nodes: list[Any], account: str | None
):
    token = "gcp:container/getCluster:getCluster"
    monkeypatch.setitem(ANSWERS, token, {**ANSWERS[token], "nodePools": nodes})

    pool = one_of(program(**GKE, clusterName="theirs", **GPU), POOL)

    assert pool["nodeConfig"].get("serviceAccount") == account


@pytest.mark.usefixtures("clouds")
def test_gpu_nodes_are_created_in_the_zones_that_are_named(program: Program):
    declared = program(**REGIONAL, **GPU, gpuZones="europe-west4-a,europe-west4-b")

    assert pools(declared)["gpu"]["nodeLocations"] == ["europe-west4-a", "europe-west4-b"]


@pytest.mark.usefixtures("clouds")
def test_a_regional_cluster_asks_for_the_zones_that_have_the_gpu(program: Program):
    require_sdks("pulumi_gcp")

    with pytest.raises(OperationError, match="gpuZones: '': the zones of europe-west4 that have nvidia-l4"):
        program(**REGIONAL, **GPU)


@pytest.mark.usefixtures("clouds")
def test_a_zonal_cluster_needs_no_zones(program: Program):
    assert "nodeLocations" not in pools(program(**GKE, **GPU))["gpu"]


@pytest.mark.usefixtures("clouds")
def test_a_machine_type_brings_its_own_gpu(program: Program):
    declared = program(**GKE, **GPU, gpuMachineType="a2-highgpu-1g")

    (accelerator,) = pools(declared)["gpu"]["nodeConfig"]["guestAccelerators"]
    assert accelerator["type"] == "nvidia-tesla-a100"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (
            {**GKE, **GPU, "gpuMachineType": "n1-standard-4"},
            ("gpuAccelerator", "the name of a GPU, for n1-standard-4 has none by itself"),
        ),
        (
            {**GKE, **GPU, "gpuAccelerator": "nvidia-tesla-t4"},
            (
                "gpuAccelerator",
                "'nvidia-tesla-t4': nvidia-l4 or empty, for g2-standard-4 has it: others need an n1 type",
            ),
        ),
        (
            {**CLOUD_CONFIG["eks"], **GPU, "gpuZones": "a"},
            ("gpuZones", "'a': empty, unless device is gpu and cluster is gke"),
        ),
        ({**GKE, "gpuZones": "a"}, ("gpuZones", "'a': empty, unless device is gpu and cluster is gke")),
    ],
)
def test_what_no_node_can_have_is_refused(
    stack_of: StackOf, config: dict[str, str], problem: tuple[str, str]
):
    ((key, said),) = problems(stack_of(**config))

    assert (key, said.removeprefix("'': ")) == problem


@pytest.mark.usefixtures("clouds")
def test_an_autopilot_cluster_is_given_no_pool_of_gpu_nodes(
    program: Program, monkeypatch: pytest.MonkeyPatch
):
    token = "gcp:container/getCluster:getCluster"
    monkeypatch.setitem(ANSWERS, token, {**ANSWERS[token], "enableAutopilot": True})

    assert program(**GKE, clusterName="theirs").outputs["namespace"] == "slipway-prod"
    with pytest.raises(OperationError, match="theirs is an Autopilot cluster, in which no pool of GPU nodes"):
        program(**GKE, clusterName="theirs", **GPU)
