"""What the group `slipway:pod` adds to pods."""

import json
from typing import Any

import pytest
import yaml

from tests.infra.conftest import CLOUD_CONFIG, GPU, Declare
from tests.infra.schema import misfit

EVERYTHING: dict[str, Any] = yaml.safe_load("""
nodeSelector: {disk: ssd}
tolerations: [{key: team, value: vision, effect: NoSchedule}]
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions: [{key: zone, operator: In, values: [a]}]
        - matchExpressions: [{key: zone, operator: NotIn, values: [b, c]}]
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 5
        podAffinityTerm: {labelSelector: {matchLabels: {app: noisy}}, topologyKey: kubernetes.io/hostname}
topologySpread: required
priorityClass: high
runtimeClass: gvisor
labels: {team: vision}
annotations: {example.com/owner: vision, example.com/traced: true}
environment: {TOKENIZERS_PARALLELISM: false}
environmentFromSecrets: {HF_TOKEN: {name: hub, key: token}}
volumes:
  - {name: cache, mountPath: /cache, readOnly: false, emptyDir: {sizeLimit: 1Gi, medium: Memory}}
  - {name: words, mountPath: /etc/words, subPath: en, configMap: words}
  - {name: data, mountPath: /data, readOnly: false, persistentVolumeClaim: data}
  - {name: files, mountPath: /files, image: "ghcr.io/acme/files:1"}
  - {name: certificate, secret: certificate}
  - {name: vault, mountPath: /vault, csi: {driver: secrets-store.csi.k8s.io, readOnly: true}}
  - {name: both, mountPath: /both, projected: {sources: [{configMap: {name: words}}]}}
initContainers:
  - name: fetch
    image: busybox:1.37.0
    command: [sh, -c, "true"]
    environment: {TRIES: 3}
    volumeMounts: [{name: cache, mountPath: /cache, readOnly: false}]
    resources: {requests: {cpu: 10m, memory: 16Mi}}
sidecars:
  - name: proxy
    image: envoyproxy/envoy:v1.35.0
    args: [--log-level, warn]
    environmentFromSecrets: {PROXY_TOKEN: {name: proxy, key: token}}
    ports: [9901]
    volumeMounts: [{name: certificate, mountPath: /certificate}]
    resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
    securityContext: {runAsUser: 101}
    readinessProbe: {tcpSocket: {port: 9901}}
ephemeralStorageRequest: 1Gi
ephemeralStorageLimit: 2Gi
""")


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
    ]
    # Terms are alternatives, so each must have it.
    assert [
        term["matchExpressions"] for term in spec["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"]
    ] == [
        [{"key": "zone", "operator": "In", "values": ["a"]}, own],
        [{"key": "zone", "operator": "NotIn", "values": ["b", "c"]}, own],
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

    assert contexts == {"fetch": server, "proxy": {**server, "runAsUser": 101}}
