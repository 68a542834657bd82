from typing import Any

import pytest
import yaml

from ops import apply
from ops.errors import OperationError
from ops.stack import Stack
from tests.conftest import StackOf

BUILDX = ["buildx"]


class Cluster:
    """Stands for kubectl and the cluster behind it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.applied: list[dict[str, Any]] = []
        self.there: list[dict[str, Any]] = []
        self.pods: list[dict[str, Any]] = []
        self.rollout_fails = False
        self.managers: list[str] = []

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        self.calls.append(arguments)
        if arguments[0] == "apply":
            self.applied += yaml.safe_load_all(stdin or "")
        if arguments[0] == "rollout" and self.rollout_fails:
            raise OperationError("deadline exceeded")
        return "the last words" if arguments[0] == "logs" else "NAME READY"

    def get(self, kinds: str, *_: str) -> dict[str, Any]:
        if kinds == "namespaces":
            fields = [{"manager": manager} for manager in self.managers]
            return {"items": [{"metadata": {"managedFields": fields}}] if fields else []}
        return {"items": self.pods if kinds == "pods" else [*self.applied, *self.there]}

    def command(self) -> str:
        return "kubectl --kubeconfig here"

    def verbs(self) -> list[str]:
        return [call[0] for call in self.calls]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(apply, "build_and_push", lambda _, inputs: f"{inputs['tags'][0]}@sha256:abc")
    return Cluster()


def up(stack: Stack, cluster: Cluster) -> dict[str, Any]:
    return apply.up(stack, cluster, BUILDX)  # type: ignore[arg-type]


def test_the_objects_are_applied_with_the_image_that_was_built(stack_of: StackOf, cluster: Cluster):
    outputs = up(stack_of(), cluster)

    (deployment,) = [one for one in cluster.applied if one["kind"] == "Deployment"]
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == outputs["image"]
    assert image.endswith("@sha256:abc")


def test_it_waits_for_the_pods_before_anything_is_removed(stack_of: StackOf, cluster: Cluster):
    old = {"kind": "ConfigMap", "metadata": {"name": "model-config-old"}}
    cluster.there = [old]

    up(stack_of(), cluster)

    assert cluster.verbs() == ["apply", "rollout", "apply", "delete"]
    assert cluster.calls[1][:3] == ("rollout", "status", "deployment/tiny")
    assert cluster.calls[3] == ("delete", "configmap/model-config-old", "--namespace=slipway-prod")


def test_the_service_leads_to_the_pods_only_once_they_are_ready(stack_of: StackOf, cluster: Cluster):
    cluster.rollout_fails = True

    with pytest.raises(OperationError):
        up(stack_of(), cluster)
    kinds = {one["kind"] for one in cluster.applied}

    cluster.rollout_fails = False
    up(stack_of(), cluster)

    assert "Deployment" in kinds
    assert "Service" not in kinds
    assert cluster.applied[-1]["kind"] == "Service"


@pytest.mark.parametrize(
    ("managers", "applied"),
    [
        ([], False),
        (["pulumi-kubernetes-1", "kube-controller-manager"], False),
        (["kubelet", "slipway"], True),
    ],
)
def test_what_was_applied_is_told_from_what_the_engine_made(
    stack_of: StackOf, cluster: Cluster, managers: list[str], applied: bool
):
    cluster.managers = managers

    assert apply.has_applied(stack_of(), cluster) is applied  # type: ignore[arg-type]


def test_what_is_declared_is_not_removed(stack_of: StackOf, cluster: Cluster):
    up(stack_of(), cluster)

    assert "delete" not in cluster.verbs()


def test_pods_that_do_not_become_ready_are_shown_with_their_last_words(stack_of: StackOf, cluster: Cluster):
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


def test_a_stack_with_secrets_is_left_to_the_engine_and_nothing_is_applied(
    stack_of: StackOf, cluster: Cluster
):
    stack = stack_of(registryUsername="a", pullSecret="true", secret={"registryPassword": "[secret]"})

    with pytest.raises(OperationError, match="only the engine can decrypt"):
        up(stack, cluster)

    assert cluster.calls == []
