import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops import apply
from ops.errors import OperationError
from ops.stack import Stack
from tests.conftest import VERSION, StackOf, write_artifact

BUILDX = ["buildx"]


class Cluster:
    """Stands for kubectl and the cluster behind it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.applied: list[dict[str, Any]] = []
        self.there: list[dict[str, Any]] = []
        self.pods: list[dict[str, Any]] = []
        self.rollout_fails = False
        self.defined: list[str] = []

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        self.calls.append(arguments)
        if arguments[0] == "apply":
            self.applied += yaml.safe_load_all(stdin or "")
        if arguments[0] == "delete":
            self.there = [item for item in self.there if _path(item) != arguments[1]]
        if arguments[0] == "rollout" and self.rollout_fails:
            raise OperationError("deadline exceeded")
        if arguments[:2] == ("get", "customresourcedefinitions"):
            return "".join(f"customresourcedefinition.apiextensions.k8s.io/{item}\n" for item in self.defined)
        return "the last words" if arguments[0] == "logs" else "NAME READY"

    def get(self, kinds: str, *_: str) -> dict[str, Any]:
        self.asked = kinds.split(",")
        there = [*self.applied, *self.there]
        return {"items": self.pods if kinds == "pods" else [item for item in there if self.is_asked(item)]}

    def is_asked(self, item: dict[str, Any]) -> bool:
        names = {**apply.PRUNED, **apply.CUSTOM_PRUNED}
        return names.get(item["kind"]) in self.asked

    def command(self) -> str:
        return "kubectl --kubeconfig here"

    def verbs(self) -> list[str]:
        return [call[0] for call in self.calls]


def _path(item: dict[str, Any]) -> str:
    return f"{item['kind'].lower()}/{item['metadata']['name']}"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(apply, "build_and_push", lambda _, inputs: f"{inputs['tags'][0]}@sha256:abc")
    return Cluster()


def up(stack: Stack, cluster: Cluster) -> dict[str, Any]:
    return apply.up(stack, cluster, BUILDX)  # type: ignore[arg-type]


def test_the_objects_are_applied_with_the_image_that_was_built(stack_of: StackOf, cluster: Cluster):
    outputs = up(stack_of(), cluster)

    (deployment,) = [item for item in cluster.applied if item["kind"] == "Deployment"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == outputs["image"]
    assert image.endswith("@sha256:abc")


def test_objects_are_deleted_only_after_the_pods_are_ready(stack_of: StackOf, cluster: Cluster):
    old = {"kind": "ConfigMap", "metadata": {"name": "model-config-old"}}
    cluster.there = [old]

    up(stack_of(), cluster)

    assert cluster.verbs() == ["apply", "rollout", "apply", "get", "delete"]
    assert cluster.calls[1][:3] == ("rollout", "status", "deployment/tiny")
    assert cluster.calls[-1] == ("delete", "configmap/model-config-old", "--namespace=slipway-prod")


def test_what_a_removed_model_had_is_deleted_and_nothing_of_the_others(
    stack_of: StackOf, models: Path, cluster: Cluster
):
    write_artifact(models, "dogs", VERSION)
    (models / "dogs" / "latest").symlink_to(VERSION)
    both = json.dumps([{"model": "tiny"}, {"model": "dogs"}])
    up(stack_of(**EXISTING, model=None, models=both), cluster)
    cluster.there, cluster.applied, cluster.calls = cluster.applied, [], []
    cluster.defined = DEFINED
    of_dogs = [
        _path(item)
        for item in cluster.there
        if item["metadata"]["labels"].get("app.kubernetes.io/name") == "dogs"
    ]

    up(stack_of(**EXISTING, model=None, models='[{"model": "tiny"}]'), cluster)

    deleted = [call[1] for call in cluster.calls if call[0] == "delete"]
    assert len(of_dogs) == 11
    assert sorted(deleted) == sorted(of_dogs)


def test_a_service_is_deleted_before_another_takes_its_node_port(stack_of: StackOf, cluster: Cluster):
    port = {"exposure": '{"type": "NodePort", "nodePort": 30080}'}
    up(stack_of(**port), cluster)
    cluster.there, cluster.applied, cluster.calls = cluster.applied, [], []

    up(stack_of(**port, model=None, models='[{"model": "tiny"}]'), cluster)

    assert cluster.verbs()[:4] == ["apply", "rollout", "delete", "apply"]
    assert cluster.calls[2][1] == "service/model"


def test_the_service_is_applied_after_the_pods_are_ready(stack_of: StackOf, cluster: Cluster):
    cluster.rollout_fails = True

    with pytest.raises(OperationError):
        up(stack_of(), cluster)
    kinds = {item["kind"] for item in cluster.applied}

    cluster.rollout_fails = False
    up(stack_of(), cluster)

    assert "Deployment" in kinds
    assert "Service" not in kinds
    assert cluster.applied[-1]["kind"] == "Service"


def test_down_deletes_the_namespace_and_waits_until_it_is_gone(cluster: Cluster):
    apply.down(cluster, "slipway-dev")  # type: ignore[arg-type]

    assert cluster.calls == [("delete", "namespace", "slipway-dev", "--wait=true", "--timeout=180s")]


def test_a_declared_object_is_not_deleted(stack_of: StackOf, cluster: Cluster):
    up(stack_of(), cluster)

    assert "delete" not in cluster.verbs()


EXISTING = {
    "monitoring": "existing",
    "prometheusUrl": "http://prometheus.monitoring:9090",
    "autoscalingBackend": "keda",
}
DEFINED = [
    "prometheusrules.monitoring.coreos.com",
    "scaledobjects.keda.sh",
    "servicemonitors.monitoring.coreos.com",
]


def test_objects_of_monitoring_are_applied_with_the_rest(stack_of: StackOf, cluster: Cluster):
    cluster.defined = DEFINED

    up(stack_of(**EXISTING), cluster)

    kinds = [item["kind"] for item in cluster.applied]
    assert {"ServiceMonitor", "PrometheusRule", "ScaledObject"} <= {*kinds}
    assert kinds[-2:] == ["Service", "Service"]
    assert "delete" not in cluster.verbs()


def test_objects_of_monitoring_and_scaling_are_deleted_once_they_are_not_declared(
    stack_of: StackOf, cluster: Cluster
):
    cluster.defined = DEFINED
    cluster.there = [
        {"kind": "ServiceMonitor", "metadata": {"name": "tiny"}},
        {"kind": "ScaledObject", "metadata": {"name": "tiny"}},
    ]

    up(stack_of(), cluster)

    deleted = [call[1] for call in cluster.calls if call[0] == "delete"]
    assert deleted == ["servicemonitor/tiny", "scaledobject/tiny"]


@pytest.mark.parametrize("defined", [[], DEFINED[:1], DEFINED])
def test_kinds_that_a_cluster_lacks_are_not_listed(stack_of: StackOf, cluster: Cluster, defined: list[str]):
    cluster.defined = [*defined, "middlewares.traefik.io"]

    up(stack_of(), cluster)

    assert [kind for kind in cluster.asked if kind in DEFINED] == defined
    assert "middlewares.traefik.io" not in cluster.asked


@pytest.mark.parametrize("config", [{}, EXISTING], ids=["plain", "watched"])
def test_every_kind_that_a_stack_can_declare_is_pruned(
    stack_of: StackOf, cluster: Cluster, config: dict[str, str]
):
    cluster.defined = DEFINED
    up(stack_of(**config), cluster)

    looked_for = {kind.partition(".")[0] for kind in cluster.asked}
    declared = {item["kind"] for item in cluster.applied} - {"Namespace"}
    plurals = {"NetworkPolicy": "networkpolicies"}
    assert {plurals.get(kind, f"{kind.lower()}s") for kind in declared} <= looked_for


def test_a_stack_with_charts_is_refused_and_nothing_is_applied(stack_of: StackOf, cluster: Cluster):
    stack = stack_of(monitoring="install", secret={"grafanaAdminPassword": "[secret]"})

    with pytest.raises(OperationError, match=r"installs kube-prometheus-stack.*`pulumi` on PATH, or set"):
        up(stack, cluster)

    assert cluster.calls == []


def test_the_error_for_pods_that_are_not_ready_has_the_end_of_their_log(stack_of: StackOf, cluster: Cluster):
    cluster.rollout_fails = True
    cluster.pods = [
        {"metadata": {"name": "good"}, "status": {"containerStatuses": [{"restartCount": 0, "ready": True}]}},
        {"metadata": {"name": "bad"}, "status": {"containerStatuses": [{"restartCount": 2, "ready": False}]}},
    ]

    with pytest.raises(OperationError) as raised:
        up(stack_of(), cluster)

    message = str(raised.value)
    assert "deadline exceeded" in message
    assert "the last words" in message
    assert "kubectl --kubeconfig here --namespace slipway-prod describe pods" in message
    assert cluster.calls[-1] == ("logs", "bad", "--namespace=slipway-prod", "--previous", "--tail=5")
    assert "delete" not in cluster.verbs()


def test_a_stack_with_secrets_is_refused_and_nothing_is_applied(stack_of: StackOf, cluster: Cluster):
    stack = stack_of(registryUsername="a", pullSecret="true", secret={"registryPassword": "[secret]"})

    with pytest.raises(OperationError, match="only the engine can decrypt"):
        up(stack, cluster)

    assert cluster.calls == []
