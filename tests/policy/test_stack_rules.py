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
ROUTE = kubernetes("HTTPRoute", parentRefs=[{"name": "cats"}], rules=[{"backendRefs": [{"name": "inside"}]}])

OPEN = {
    "a load balancer": [kubernetes("Service", **DOOR)],
    "a load balancer for every address": [
        kubernetes("Service", **DOOR, loadBalancerSourceRanges=["10.0.0.0/8", "0.0.0.0/0"])
    ],
    "an ingress": [kubernetes("Ingress", **INGRESS), SERVICE],
    "an ingress with a default backend": [kubernetes("Ingress", defaultBackend=BACKEND), SERVICE],
    "a gateway": [kubernetes("Gateway", listeners=[{"protocol": "HTTP"}]), ROUTE, SERVICE],
    "a gateway without listeners": [kubernetes("Gateway"), ROUTE, SERVICE],
    "an ingress to nowhere": [kubernetes("Ingress")],
}
CLOSED = {
    "a service within the cluster": [kubernetes("Service", selector=LABELS)],
    "a node's port": [kubernetes("Service", type="NodePort", selector=LABELS)],
    "source ranges": [kubernetes("Service", **DOOR, loadBalancerSourceRanges=["203.0.113.0/24"])],
    "an internal load balancer": [
        kubernetes(
            "Service",
            **DOOR,
            metadata={"annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}},
        )
    ],
    "a certificate of the load balancer": [
        kubernetes(
            "Service",
            **DOOR,
            metadata={"annotations": {"service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "arn:..."}},
        )
    ],
    "an ingress with TLS": [kubernetes("Ingress", **INGRESS, tls=[{"secretName": "cats"}]), SERVICE],
    "a gateway with TLS": [
        kubernetes("Gateway", listeners=[{"protocol": "HTTP"}, {"protocol": "HTTPS", "tls": {}}, {}])
    ],
    "a route of a gateway that another stack has": [ROUTE, SERVICE],
}


@pytest.mark.parametrize("doors", OPEN.values(), ids=OPEN.keys())
def test_an_open_door_is_found(doors: list[Resource]):
    (message,) = messages(no_open_door([*doors, workload()]))

    assert message.startswith(f"{doors[0].title}: everyone can reach it, without an API key and without TLS")


@pytest.mark.parametrize("doors", [doors for name, doors in OPEN.items() if "nowhere" not in name])
def test_a_door_to_pods_that_ask_for_keys_is_not_open(doors: list[Resource]):
    by_config = container(envFrom=[{"secretRef": {}}, {"configMapRef": {"name": "settings"}}])
    config = kubernetes("ConfigMap", name="settings", data={KEYS["name"]: KEYS["value"]})

    assert not messages(no_open_door([*doors, workload(container(env=[KEYS]))]))
    assert not messages(no_open_door([*doors, workload(by_config), config]))


@pytest.mark.parametrize("doors", CLOSED.values(), ids=CLOSED.keys())
def test_a_closed_door_is_not_found(doors: list[Resource]):
    assert not messages(no_open_door([*doors, workload()]))
