"""The numbers of the pod that decide when Kubernetes restarts, moves or spreads it."""

from typing import Any

import pytest

from tests.infra.conftest import Declare

FAILED_ANSWER_SECONDS = 30
"""How long a server may fail to answer before it counts as hung."""

MODEL_START_SECONDS = 300
"""How long a large model may take to load and warm up."""


@pytest.fixture
def pod(declare: Declare) -> dict[str, Any]:
    return declare()["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture
def probes(pod: dict[str, Any]) -> dict[str, dict[str, int]]:
    (container,) = pod["containers"]
    return {name: container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}


def test_a_server_is_restarted_only_after_half_a_minute_without_an_answer(probes: dict[str, dict[str, int]]):
    liveness = probes["liveness"]

    assert liveness["failureThreshold"] * liveness["periodSeconds"] >= FAILED_ANSWER_SECONDS


def test_the_timeout_of_a_probe_equals_the_period_of_the_liveness_probe(probes: dict[str, dict[str, int]]):
    # A pod at its CPU limit answers late. The default of Kubernetes, one second, would restart it.
    assert {probe["timeoutSeconds"] for probe in probes.values()} == {probes["liveness"]["periodSeconds"]}
    assert probes["liveness"]["timeoutSeconds"] == 5


def test_a_model_has_five_minutes_to_start(probes: dict[str, dict[str, int]]):
    startup = probes["startup"]

    assert startup["failureThreshold"] * startup["periodSeconds"] == MODEL_START_SECONDS


def test_a_pod_that_is_not_ready_gets_no_requests_after_one_failed_probe(probes: dict[str, dict[str, int]]):
    assert probes["readiness"]["failureThreshold"] == 1


def test_pods_spread_over_zones_and_nodes_but_a_small_cluster_still_runs_them(pod: dict[str, Any]):
    constraints = pod["topologySpreadConstraints"]

    assert [constraint["topologyKey"] for constraint in constraints] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    for constraint in constraints:
        assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
        assert constraint["maxSkew"] == 1


def test_pods_of_the_version_being_replaced_do_not_count_for_the_spread(pod: dict[str, Any]):
    for constraint in pod["topologySpreadConstraints"]:
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]


def test_a_pod_that_never_becomes_ready_does_not_block_a_node_drain(declare: Declare):
    budget = declare()["PodDisruptionBudget"]["spec"]

    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
