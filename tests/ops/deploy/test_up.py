import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ops import deploy
from ops.errors import OperationError
from ops.exposure import node_port
from ops.running import Holder
from ops.stack import PROJECT, Stack
from tests.ops.deploy.conftest import DEV, OUTPUTS, PREDICTION, PROD, WATCHED, Machine


def test_without_the_engine_kubectl_applies_a_local_stack_and_a_line_says_so(
    machine: Machine, capsys: pytest.CaptureFixture[str]
):
    deployed = deploy.up(DEV)

    assert machine.did == ["model", "cluster up", "apply", "smoke"]
    (model,) = deployed.models
    assert (deployed.outputs, model.url, model.prediction) == (OUTPUTS, OUTPUTS["url"], PREDICTION)
    assert "without the Pulumi engine" in capsys.readouterr().err


def test_with_the_engine_the_engine_deploys_and_a_line_says_so(
    machine: Machine, capsys: pytest.CaptureFixture[str]
):
    machine.has_pulumi = True

    deploy.up(DEV)

    assert machine.did == ["engine check", "model", "cluster up", "engine up", "smoke"]
    assert "the Pulumi engine deploys" in capsys.readouterr().err


def test_kubectl_applies_if_the_user_chooses_it_although_pulumi_is_on_path(machine: Machine):
    machine.has_pulumi = True

    deploy.up(DEV, "kubectl")

    assert machine.did == ["model", "cluster up", "apply", "smoke"]


def test_the_state_of_a_stack_on_a_cluster_that_is_gone_is_removed(machine: Machine):
    machine.has_pulumi, machine.resources = True, 16

    deploy.up(DEV)

    assert machine.did[2:-1] == ["cluster up", "engine remove_state", "engine select", "engine up"]


def test_the_state_of_a_stack_on_a_running_cluster_is_kept(machine: Machine):
    machine.has_pulumi, machine.resources = True, 16
    machine.run("dev", is_applied=False)

    deploy.up(DEV)

    assert "engine remove_state" not in machine.did


@pytest.mark.parametrize("has_pulumi", [False, True])
def test_a_stack_that_kubectl_deployed_is_updated_by_kubectl(machine: Machine, has_pulumi: bool):
    machine.has_pulumi = has_pulumi
    machine.run("dev")

    deploy.up(DEV)

    assert machine.did == ["model", "cluster up", "apply", "smoke"]


def test_a_node_port_of_another_service_is_an_error_before_anything_is_done(machine: Machine):
    machine.run("dev")
    machine.holder = Holder(namespace="slipway-dev", name="model", stack="dev")

    with pytest.raises(
        OperationError,
        match=r"node port 30081 of stack watched is taken by Service model of stack dev in namespace "
        r"slipway-dev: set another nodePort of slipway:exposure in Pulumi.watched.yaml, or "
        r"`make down STACK=dev` first",
    ):
        deploy.up(WATCHED)

    assert machine.did == []


def test_a_stack_may_keep_its_own_node_port(machine: Machine):
    machine.run("dev")
    machine.holder = Holder(namespace="slipway-dev", name="model", stack="dev")

    deploy.up(DEV)

    assert "apply" in machine.did


def test_the_local_stacks_have_different_node_ports():
    stacks = [Stack.read(file.name.split(".")[1]) for file in PROJECT.glob("Pulumi.*.yaml")]
    ports = [node_port(stack) for stack in stacks if stack.is_local]

    assert len(ports) >= 2
    assert len({*ports}) == len(ports)


def test_the_engine_deploys_a_shared_stack_and_no_cluster_is_started(machine: Machine):
    machine.has_pulumi = True

    deploy.up(PROD)

    assert machine.did == ["engine check", "model", "engine up", "smoke"]


@pytest.mark.parametrize("has_pulumi", [False, True])
def test_a_local_stack_with_existing_monitoring_gets_prometheus(machine: Machine, has_pulumi: bool):
    machine.has_pulumi = has_pulumi

    deploy.up(WATCHED)

    deployed = "engine up" if has_pulumi else "apply"
    assert machine.did[-5:] == ["model", "cluster up", "monitoring up", deployed, "smoke"]


def test_nothing_is_installed_on_a_shared_cluster_with_existing_monitoring(machine: Machine):
    machine.has_pulumi = True
    stack = replace(PROD, config={**PROD.config, "slipway:monitoring": "existing"})

    deploy.up(stack)

    assert "monitoring up" not in machine.did


@pytest.mark.parametrize("act", [deploy.up, deploy.down])
def test_a_shared_stack_without_the_engine_is_an_error_before_anything_is_done(
    machine: Machine, act: Callable[[Stack], Any]
):
    with pytest.raises(OperationError, match=r"`pulumi` is not on PATH: install it.*make render STACK=prod"):
        act(PROD)

    assert machine.did == []


@pytest.mark.parametrize(
    ("cluster", "kind", "is_asked"),
    [
        ("local", "NodePort", True),
        ("local", "ClusterIP", False),
        ("kubeconfig", "LoadBalancer", True),
        ("kubeconfig", "NodePort", False),
        ("kubeconfig", "ClusterIP", False),
        ("kubeconfig", "Ingress", False),
        ("kubeconfig", "Gateway", False),
    ],
)
def test_a_service_with_a_known_address_is_asked_for_a_prediction(
    machine: Machine, cluster: str, kind: str, is_asked: bool
):
    machine.has_pulumi = True
    config = {**DEV.config, "slipway:cluster": cluster, "slipway:exposure": json.dumps({"type": kind})}
    stack = Stack(project=DEV.project, name="dev", config=config, secret_keys=frozenset())

    (model,) = deploy.up(stack).models

    assert model.prediction == (PREDICTION if is_asked else None)
    assert ("smoke" in machine.did) is is_asked
