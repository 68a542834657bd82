from collections.abc import Callable
from pathlib import Path

import pytest

from ops.program import Run
from tests.infra.conftest import STATES, Declare, is_secret, one_of

PROVIDER = "pulumi:providers:kubernetes"


def provider(declared: Run) -> dict:
    (inputs,) = [resource.inputs for resource in declared.resources if resource.type == PROVIDER]
    return inputs


def test_the_namespace_refuses_pods_that_are_not_hardened(declare: Declare):
    labels = declare()["Namespace"]["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_namespace_has_the_label_of_its_stack(declare: Declare):
    labels = declare()["Namespace"]["metadata"]["labels"]

    assert labels["app.kubernetes.io/instance"] == "prod"


@pytest.mark.parametrize(("cluster", "takes_over"), [("local", True), ("kubeconfig", None)])
def test_on_the_local_cluster_objects_of_a_killed_update_are_taken_over(
    program: Callable[..., Run], cluster: str, takes_over: bool | None
):
    given = provider(program(cluster=cluster))

    assert given.get("upsertExistingObjects") in (takes_over, takes_over and "true")


def test_everything_is_in_the_namespace(declare: Declare):
    objects = declare(namespace="mine")

    assert {
        manifest["metadata"]["namespace"] for kind, manifest in objects.items() if kind != "Namespace"
    } == {"mine"}


def test_the_cluster_is_kubectls_current_one_unless_it_is_set(program: Callable[..., Run]):
    assert not {"kubeconfig", "context", "clusterIdentifier"} & set(provider(program()))


def test_a_kubeconfig_and_a_context_can_be_set(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path))

    given = provider(program(kubeconfig="~/config", kubeContext="there"))

    assert (given["kubeconfig"], given["context"]) == (str(tmp_path / "config"), "there")
    # A rewritten kubeconfig is still the same cluster.
    assert given["clusterIdentifier"] == "there"


@pytest.mark.usefixtures("clouds")
def test_a_kubeconfig_can_come_from_the_stack_of_another_program(
    program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
):
    outputs = {"outputs": {"kubeconfig": "kind: Config"}, "secretOutputNames": []}
    monkeypatch.setitem(STATES, "pulumi:pulumi:StackReference", outputs)

    declared = program(clusterStack="acme/clusters/prod")

    assert one_of(declared, "pulumi:pulumi:StackReference")["name"] == "acme/clusters/prod"
    given = provider(declared)
    assert is_secret(given["kubeconfig"])
    assert given["kubeconfig"]["value"] == "kind: Config"
    assert given["clusterIdentifier"] == "acme/clusters/prod"
