"""The rules that are judged by several objects together: disruption budgets and public doors."""

from typing import Any

import pytest

from policy.rules.disruptions import disruption_budget
from policy.rules.doors import no_open_door
from policy.rules.resource import Resource
from tests.policy.objects import LABELS, container, kubernetes, workload

BUDGET = kubernetes("PodDisruptionBudget", selector={"matchLabels": LABELS})
TARGET = {"kind": "Deployment", "name": "cats"}


def messages(found: Any) -> list[str]:
    return [f"{broken.resource.title}: {broken.message}" for broken in found]


@pytest.mark.parametrize(
    "scaled",
    [
        [workload(replicas=2)],
        [workload(replicas=2, kind="StatefulSet")],
        [workload(), kubernetes("HorizontalPodAutoscaler", scaleTargetRef=TARGET, maxReplicas=3)],
        [workload(), kubernetes("ScaledObject", scaleTargetRef={"name": "cats"}, maxReplicaCount=3)],
        # KEDA's own maximum is 100.
        [workload(), kubernetes("ScaledObject", scaleTargetRef={"name": "cats"})],
    ],
)
def test_a_workload_with_several_pods_needs_a_budget(scaled: list[Resource]):
    (message,) = messages(disruption_budget(scaled))

    assert "add a PodDisruptionBudget that selects them" in message
    assert not messages(disruption_budget([*scaled, BUDGET]))


@pytest.mark.parametrize(
    "resources",
    [
        [workload()],
        [workload(replicas=1)],
        [workload(), kubernetes("HorizontalPodAutoscaler", scaleTargetRef=TARGET, maxReplicas=1)],
        [workload(), kubernetes("HorizontalPodAutoscaler", maxReplicas=9)],
        [workload(replicas=2, kind="DaemonSet")],
    ],
)
def test_a_workload_with_a_single_pod_needs_none(resources: list[Resource]):
    assert not messages(disruption_budget(resources))


@pytest.mark.parametrize("selector", [{"matchLabels": {"app": "dogs"}}, None])
def test_a_budget_that_does_not_select_the_pods_is_not_enough(selector: object):
    other = kubernetes("PodDisruptionBudget", selector=selector)

    assert messages(disruption_budget([workload(replicas=2), other]))


DOOR: dict[str, Any] = {"type": "LoadBalancer", "selector": LABELS}
KEYS = {"name": "SLIPWAY_API_KEYS_PATH", "value": "/run/keys"}
SERVICE = kubernetes("Service", name="inside", selector=LABELS)
BACKEND = {"service": {"name": "inside"}}
INGRESS: dict[str, Any] = {"rules": [{"http": {"paths": [{"backend": BACKEND}]}}]}
ROUTE = kubernetes("HTTPRoute", parentRefs=[{"name": "ours"}], rules=[{"backendRefs": [{"name": "inside"}]}])
NOT_LIMITED = "or limit it by source ranges or to the cluster's network"


def annotated(key: str, value: str) -> Resource:
    return kubernetes("Service", **DOOR, metadata={"annotations": {key: value}})


def gateway(*protocols: str) -> Resource:
    return kubernetes("Gateway", name="ours", listeners=[{"protocol": protocol} for protocol in protocols])


PLAIN = {
    "a load balancer": [kubernetes("Service", **DOOR)],
    "a load balancer for every address": [
        kubernetes("Service", **DOOR, loadBalancerSourceRanges=["10.0.0.0/8", "0.0.0.0/0"])
    ],
    "an ingress": [kubernetes("Ingress", **INGRESS), SERVICE],
    "an ingress with a default backend": [kubernetes("Ingress", defaultBackend=BACKEND), SERVICE],
    "a route of a gateway without TLS": [ROUTE, gateway("HTTP"), SERVICE],
    "a route of a gateway without listeners": [ROUTE, gateway(), SERVICE],
}
ENCRYPTED = {
    "a certificate of the load balancer": [
        annotated("service.beta.kubernetes.io/aws-load-balancer-ssl-cert", "arn:...")
    ],
    "an ingress with TLS": [kubernetes("Ingress", **INGRESS, tls=[{"secretName": "cats"}]), SERVICE],
    "a route of a gateway with TLS": [ROUTE, gateway("HTTP", "HTTPS"), SERVICE],
    "a route of a gateway that another stack has": [ROUTE, SERVICE],
}
LIMITED = {
    "a service within the cluster": kubernetes("Service", selector=LABELS),
    "a service without properties": kubernetes("Service"),
    "a node's port": kubernetes("Service", type="NodePort", selector=LABELS),
    "source ranges": kubernetes("Service", **DOOR, loadBalancerSourceRanges=["203.0.113.0/24"]),
    "an internal load balancer": annotated("networking.gke.io/load-balancer-type", "Internal"),
}


@pytest.mark.parametrize("doors", [*PLAIN.values(), *ENCRYPTED.values()], ids=[*PLAIN, *ENCRYPTED])
def test_a_door_without_keys_is_open(doors: list[Resource]):
    (message,) = messages(no_open_door([*doors, workload()]))

    said = "everyone who reaches it can use what is behind it: ask for API keys"
    assert message == f"{doors[0].title}: {said}, {NOT_LIMITED}"


@pytest.mark.parametrize("doors", PLAIN.values(), ids=PLAIN)
def test_keys_that_cross_a_door_in_plain_text_do_not_close_it(doors: list[Resource]):
    (message,) = messages(no_open_door([*doors, workload(container(env=[KEYS]))]))

    assert message == f"{doors[0].title}: API keys cross it in plain text: give it TLS, {NOT_LIMITED}"


@pytest.mark.parametrize("doors", ENCRYPTED.values(), ids=ENCRYPTED)
def test_a_door_with_keys_and_tls_is_closed(doors: list[Resource]):
    by_config = container(envFrom=[{"secretRef": {}}, {"configMapRef": {"name": "settings"}}])
    config = kubernetes("ConfigMap", name="settings", data={KEYS["name"]: KEYS["value"]})

    assert not messages(no_open_door([*doors, workload(container(env=[KEYS]))]))
    assert not messages(no_open_door([*doors, workload(by_config), config]))
    assert messages(no_open_door([*doors, workload(by_config), kubernetes("ConfigMap", name="settings")]))


@pytest.mark.parametrize("door", LIMITED.values(), ids=LIMITED)
def test_a_door_that_not_everyone_reaches_needs_neither(door: Resource):
    assert not messages(no_open_door([door, workload()]))


def test_a_door_to_nowhere_has_no_keys():
    assert messages(no_open_door([kubernetes("Ingress"), workload(container(env=[KEYS]))]))
