import json
from typing import Any

import pytest

from ops.exposure import has_address, node_port
from ops.stack import Stack
from tests.conftest import StackOf


def exposed(stack_of: StackOf, cluster: str, **group: Any) -> Stack:
    return stack_of(cluster=cluster, exposure=json.dumps(group))


@pytest.mark.parametrize(
    ("cluster", "kind", "is_known"),
    [
        ("kubeconfig", "LoadBalancer", True),
        ("kubeconfig", "NodePort", False),
        ("local", "NodePort", True),
        ("local", "ClusterIP", False),
        ("kubeconfig", "Ingress", False),
        ("local", "Gateway", False),
    ],
)
def test_this_machine_can_ask_where_it_knows_the_address(
    stack_of: StackOf, cluster: str, kind: str, is_known: bool
):
    assert has_address(exposed(stack_of, cluster, type=kind)) is is_known
    assert has_address(stack_of(cluster=cluster, serviceType=kind)) is is_known


def test_a_stack_has_an_address_by_default(stack_of: StackOf):
    assert has_address(stack_of())


def test_the_node_port_is_that_of_the_group_or_of_the_former_key(stack_of: StackOf):
    assert node_port(exposed(stack_of, "local", type="NodePort", nodePort=30080)) == "30080"
    assert node_port(stack_of(serviceType="NodePort", nodePort="30081")) == "30081"
    assert node_port(stack_of()) is None
