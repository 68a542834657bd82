import json
from pathlib import Path
from typing import Any

import pytest

from ops.local.kubectl import Kubectl
from ops.program import run
from ops.running import Holder, Running, holder, stacks
from tests.conftest import StackOf
from tests.ops.conftest import Programs

KUBECTL = Kubectl(None, Path("config"))


def namespace(name: str, manager: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels, "managedFields": [{"manager": manager}]}}


def test_stacks_are_read_from_the_labels_and_the_field_managers_of_their_namespaces(only: Programs):
    found = [
        namespace("slipway-dev", "slipway", {"app.kubernetes.io/instance": "dev"}),
        namespace("mine", "pulumi-kubernetes-1234", {"app.kubernetes.io/instance": "watched"}),
        namespace("of-an-older-version", "slipway", {}),
    ]
    only.add("kubectl", (["namespaces"], json.dumps({"items": found}), 0))

    assert stacks(KUBECTL) == {
        "dev": Running(namespace="slipway-dev", is_applied=True),
        "watched": Running(namespace="mine", is_applied=False),
        "of-an-older-version": Running(namespace="of-an-older-version", is_applied=True),
    }
    (line,) = only.lines
    assert "managed-by=slipway" in line
    assert "--show-managed-fields" in line


def test_the_namespace_that_the_program_declares_has_the_labels_of_the_selector(stack_of: StackOf):
    (labels,) = [
        item["metadata"]["labels"] for item in run(stack_of()).objects() if item["kind"] == "Namespace"
    ]

    assert labels["app.kubernetes.io/managed-by"] == "slipway"
    assert labels["app.kubernetes.io/instance"] == "prod"
    assert "app.kubernetes.io/component" not in labels


@pytest.mark.parametrize(
    ("port", "found"),
    [
        ("30080", Holder(namespace="slipway-dev", name="model", stack="dev")),
        ("30090", Holder(namespace="monitoring", name="prometheus", stack=None)),
        ("30081", None),
        ("0", None),
    ],
)
def test_the_service_of_a_node_port_is_found(only: Programs, port: str, found: Holder | None):
    def service(namespace: str, name: str, ports: list[dict[str, int]], **labels: str) -> dict[str, Any]:
        metadata = {"namespace": namespace, "name": name, "labels": labels}
        return {"metadata": metadata, "spec": {"ports": ports}}

    services = [
        {"metadata": {"namespace": "default", "name": "headless"}, "spec": {}},
        service("slipway-dev", "metrics", [{"port": 8001}]),
        service("slipway-dev", "model", [{"nodePort": 30080}], **{"app.kubernetes.io/instance": "dev"}),
        service("monitoring", "prometheus", [{"port": 80}, {"nodePort": 30090}]),
    ]
    only.add("kubectl", (["services", "--all-namespaces"], json.dumps({"items": services}), 0))

    assert holder(KUBECTL, port) == found
