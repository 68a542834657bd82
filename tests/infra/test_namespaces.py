"""Namespaces that exist already, and those of the cluster itself."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.program import Run
from tests.conftest import StackOf
from tests.infra.conftest import EXISTING, INSTALL
from tests.infra.declarations import declarations
from tests.parsing import problems

HERE = {"namespace": "team", "createNamespace": "false"}
THERE = {"monitoringNamespace": "watch", "createMonitoringNamespace": "false"}


def test_an_existing_namespace_is_used_and_not_declared(program: Callable[..., Run]):
    declared = program(**HERE)

    assert {manifest["metadata"]["namespace"] for manifest in declared.objects()} == {"team"}
    assert "Namespace" not in {manifest["kind"] for manifest in declared.objects()}
    assert declared.outputs["namespace"] == "team"


def test_nothing_else_changes_with_it(stack_of: StackOf):
    created, found = (
        {
            declaration.name: declaration.inputs
            for declaration in declarations(stack_of(namespace="team", createNamespace=creates))
            if declaration.name != "cluster-namespace"
        }
        for creates in ("true", "false")
    )

    assert created == found


def test_prometheus_is_installed_in_an_existing_namespace(program: Callable[..., Run]):
    declared = program(**INSTALL, **THERE)

    names = [
        manifest["metadata"]["name"] for manifest in declared.objects() if manifest["kind"] == "Namespace"
    ]
    assert names == ["slipway-prod"]
    assert {release.namespace for release in declared.releases()} == {"watch"}
    secrets = [manifest for manifest in declared.objects() if manifest["kind"] == "Secret"]
    assert [secret["metadata"]["namespace"] for secret in secrets] == ["watch"]


def test_a_created_namespace_of_prometheus_says_whose_it_is(program: Callable[..., Run]):
    namespaces = {
        manifest["metadata"]["name"]: manifest["metadata"]["labels"]
        for manifest in program(**INSTALL).objects()
        if manifest["kind"] == "Namespace"
    }

    assert namespaces["monitoring"]["app.kubernetes.io/instance"] == "prod"


OTHER = "another namespace than default and kube-*, which belong to the cluster itself"


@pytest.mark.parametrize(
    ("config", "key", "said"),
    [
        ({"namespace": "default"}, "namespace", f"'default': {OTHER}"),
        ({"namespace": "kube-system"}, "namespace", f"'kube-system': {OTHER}"),
        (
            {**INSTALL, "monitoringNamespace": "kube-system"},
            "monitoringNamespace",
            f"'kube-system': {OTHER}",
        ),
        (
            {"cluster": "local", "createNamespace": "false"},
            "createNamespace",
            "'false': true, for cluster is local: its stacks are found by their namespaces",
        ),
        (
            {**EXISTING, "createMonitoringNamespace": "false"},
            "createMonitoringNamespace",
            "'false': true, unless monitoring is install: otherwise no such namespace is created",
        ),
    ],
)
def test_what_is_not_a_namespace_for_a_stack_is_refused(
    stack_of: StackOf, config: dict[str, Any], key: str, said: str
):
    assert problems(stack_of(**config)) == [(key, said)]


def test_an_existing_prometheus_may_run_in_a_namespace_of_the_cluster(stack_of: StackOf):
    assert problems(stack_of(**EXISTING, monitoringNamespace="kube-system")) == []
