"""What the group `slipway:pod` adds to pods."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.conftest import CLOUD_CONFIG, GPU, Declare
from tests.infra.schema import misfit

EVERYTHING: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "examples/pod.yaml").read_text())


def template(objects: dict[str, Any]) -> dict[str, Any]:
    return objects["Deployment"]["spec"]["template"]


@pytest.fixture
def spec(declare: Declare) -> dict[str, Any]:
    return template(declare(pod=json.dumps(EVERYTHING)))["spec"]


@pytest.fixture
def plain(declare: Declare) -> dict[str, Any]:
    return template(declare())["spec"]


@pytest.mark.parametrize("config", [{}, GPU, {"monitoring": "existing"}], ids=str)
def test_the_objects_fit_the_schema_of_kubernetes(declare: Declare, config: dict[str, Any]):
    for manifest in declare(pod=json.dumps(EVERYTHING), **config).values():
        assert misfit(manifest) is None


def test_what_is_added_leaves_what_the_pod_needs_itself(spec: dict[str, Any], plain: dict[str, Any]):
    assert spec["nodeSelector"] == {"disk": "ssd", **plain["nodeSelector"]}
    (server,) = spec["containers"]
    (before,) = plain["containers"]
    for key in before.keys() - {"resources"}:
        assert server[key] == before[key], key
    assert server["resources"] == {
        "requests": {**before["resources"]["requests"], "ephemeral-storage": "1Gi"},
        "limits": {**before["resources"]["limits"], "ephemeral-storage": "2Gi"},
    }


def test_a_pod_with_a_gpu_keeps_its_tolerations_and_its_nodes(declare: Declare):
    config = {**GPU, **CLOUD_CONFIG["gke"], "clusterName": "theirs"}
    gpu = template(declare(**config))["spec"]
    spec = template(declare(pod=json.dumps(EVERYTHING), **config))["spec"]
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    ((own,),) = [
        term["matchExpressions"] for term in gpu["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"]
    ]

    assert spec["tolerations"] == [
        *gpu["tolerations"],
        {"key": "team", "value": "vision", "effect": "NoSchedule"},
        {"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        {"key": "any"},
    ]
    # Terms are alternatives, so each must have it.
    assert [
        term["matchExpressions"] for term in spec["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"]
    ] == [
        [{"key": "zone", "operator": "In", "values": ["a", "b"]}, own],
        [{"key": "zone", "operator": "NotIn", "values": ["c"]}, own],
    ]


def test_a_pod_with_a_gpu_keeps_its_nodes_beside_an_affinity_to_other_pods(declare: Declare):
    config = {**GPU, **CLOUD_CONFIG["gke"], "clusterName": "theirs"}
    only_pods = {"affinity": {"podAntiAffinity": EVERYTHING["affinity"]["podAntiAffinity"]}}
    affinity = template(declare(pod=json.dumps(only_pods), **config))["spec"]["affinity"]

    assert affinity["nodeAffinity"] == template(declare(**config))["spec"]["affinity"]["nodeAffinity"]
    assert affinity["podAntiAffinity"] == EVERYTHING["affinity"]["podAntiAffinity"]


@pytest.mark.parametrize(
    ("spread", "found"),
    [("required", ["DoNotSchedule", "DoNotSchedule"]), ("preferred", ["ScheduleAnyway"] * 2), ("off", [])],
)
def test_pods_may_have_to_spread_or_not_spread_at_all(declare: Declare, spread: str, found: list[str]):
    spec = template(declare(pod=json.dumps({"topologySpread": spread})))["spec"]

    assert [item["whenUnsatisfiable"] for item in spec.get("topologySpreadConstraints", [])] == found


def test_the_recommended_labels_and_the_annotations_for_scraping_stay(declare: Declare):
    before = template(declare())["metadata"]
    metadata = template(declare(pod=json.dumps(EVERYTHING)))["metadata"]

    assert metadata["labels"] == {"team": "vision", **before["labels"]}
    assert metadata["annotations"] == {
        "example.com/owner": "vision",
        "example.com/traced": "true",
        **before["annotations"],
    }


def test_variables_are_plain_or_come_from_a_secret(spec: dict[str, Any]):
    assert spec["containers"][0]["env"] == [
        {"name": "TOKENIZERS_PARALLELISM", "value": "false"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
    ]


def test_a_volume_is_read_only_unless_it_is_said_otherwise(spec: dict[str, Any]):
    mounts = {item["name"]: item["readOnly"] for item in spec["containers"][0]["volumeMounts"]}

    assert mounts == {
        "cache": False,
        "words": True,
        "data": False,
        "files": True,
        "vault": True,
        "both": True,
    }


def test_the_server_may_write_to_a_claim_that_is_not_read_only(declare: Declare, spec: dict[str, Any]):
    data = {"name": "data", "mountPath": "/data", "persistentVolumeClaim": "data"}
    read_only = template(declare(pod=json.dumps({"volumes": [data]})))["spec"]

    assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsGroup"]
    assert "fsGroup" not in read_only["securityContext"]


def test_sidecars_start_first_and_are_restarted(spec: dict[str, Any]):
    assert [(item["name"], item.get("restartPolicy")) for item in spec["initContainers"]] == [
        ("proxy", "Always"),
        ("fetch", None),
    ]


def test_a_container_is_as_restricted_as_the_server_except_for_what_is_set(spec: dict[str, Any]):
    server = spec["containers"][0]["securityContext"]
    contexts = {item["name"]: item["securityContext"] for item in spec["initContainers"]}

    assert contexts == {name: {**server, "runAsUser": 101} for name in ("fetch", "proxy")}
