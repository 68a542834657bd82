from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops import deploy
from ops.errors import OperationError
from ops.local.monitoring import CLUSTER_URL
from ops.stack import Stack

OUTPUTS = {"url": "http://127.0.0.1:30080"}
PREDICTION = {"label": "tiger cat"}


class Road:
    """Stands for the local cluster."""

    def __init__(self, did: list[str]) -> None:
        self._did = did
        self.is_new = True
        self.is_healthy = True

    def up(self) -> bool:
        self._did.append("cluster up")
        return self.is_new

    def down(self) -> None:
        self._did.append("cluster down")

    def healthy(self) -> bool:
        return self.is_healthy

    def kubectl(self) -> None: ...

    def buildx(self) -> None: ...


class Machine:
    """A machine whose parts write down what they are asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[str] = []
        self.road = Road(self.did)
        self.has_pulumi = False
        self.knows_stack = False
        self.has_applied = False

        def does(what: str, result: Any = None) -> Callable[..., Any]:
            return lambda *_, **__: (self.did.append(what), result)[1]

        monkeypatch.setattr(deploy, "road", lambda: self.road)
        monkeypatch.setattr(deploy.monitoring, "up", does("monitoring up"))
        monkeypatch.setattr(deploy, "ensure_artifact", does("model", Path("artifact")))
        monkeypatch.setattr(deploy, "smoke", does("smoke", PREDICTION))
        monkeypatch.setattr(deploy.apply, "up", does("apply", OUTPUTS))
        monkeypatch.setattr(deploy.apply, "has_applied", lambda *_: self.has_applied)
        monkeypatch.setattr(deploy.engine, "installed", lambda: self.has_pulumi)
        monkeypatch.setattr(deploy.engine, "knows", lambda _: self.knows_stack)
        monkeypatch.setattr(deploy.engine, "up", does("engine up", OUTPUTS))
        monkeypatch.setattr(deploy.engine, "destroy", does("engine destroy"))
        monkeypatch.setattr(deploy.engine, "forget", does("engine forget"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


DEV, PROD, WATCHED = Stack.read("dev"), Stack.read("prod"), Stack.read("watched")


def test_without_the_engine_a_local_stack_is_applied_and_says_so(
    machine: Machine, capsys: pytest.CaptureFixture[str]
):
    deployed = deploy.up(DEV)

    assert machine.did == ["model", "cluster up", "apply", "smoke"]
    assert (deployed.outputs, deployed.prediction) == (OUTPUTS, PREDICTION)
    assert "`pulumi` is not on PATH" in capsys.readouterr().err


def test_with_the_engine_it_is_the_engine_and_says_so(machine: Machine, capsys: pytest.CaptureFixture[str]):
    machine.has_pulumi = True

    deploy.up(DEV)

    assert machine.did == ["model", "cluster up", "engine up", "smoke"]
    assert "`pulumi` is on PATH" in capsys.readouterr().err


def test_what_the_engine_remembers_of_a_cluster_that_is_gone_is_forgotten(machine: Machine):
    machine.has_pulumi = machine.knows_stack = True

    deploy.up(DEV)

    assert machine.did == ["model", "cluster up", "engine forget", "engine up", "smoke"]


def test_what_the_engine_remembers_of_a_running_cluster_is_kept(machine: Machine):
    machine.has_pulumi = machine.knows_stack = True
    machine.road.is_new = False

    deploy.up(DEV)

    assert "engine forget" not in machine.did


def test_what_kubectl_has_applied_is_not_the_engines_to_create_again(machine: Machine):
    machine.has_pulumi = machine.has_applied = True
    machine.road.is_new = False

    with pytest.raises(OperationError, match=r"applied by kubectl before.*`make down STACK=dev` first"):
        deploy.up(DEV)

    assert "engine up" not in machine.did


def test_a_shared_stack_is_the_engines_and_starts_no_cluster(machine: Machine):
    machine.has_pulumi = True

    deploy.up(PROD)

    assert machine.did == ["model", "engine up", "smoke"]


@pytest.mark.parametrize("has_pulumi", [False, True])
def test_a_local_stack_finds_the_prometheus_that_it_says_exists(machine: Machine, has_pulumi: bool):
    machine.has_pulumi = has_pulumi

    deploy.up(WATCHED)

    deployed = "engine up" if has_pulumi else "apply"
    assert machine.did == ["model", "cluster up", "monitoring up", deployed, "smoke"]


def test_a_shared_cluster_is_given_nothing_that_exists_there(machine: Machine):
    machine.has_pulumi = True
    stack = replace(PROD, config={**PROD.config, "slipway:monitoring": "existing"})

    deploy.up(stack)

    assert "monitoring up" not in machine.did


def test_the_watched_stack_asks_prometheus_where_the_local_cluster_has_it():
    assert WATCHED.get("prometheusUrl") == CLUSTER_URL


@pytest.mark.parametrize("act", [deploy.up, deploy.down])
def test_a_shared_stack_without_the_engine_is_refused_before_anything_is_done(
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
    ],
)
def test_a_service_is_asked_where_its_address_is_known(
    machine: Machine, cluster: str, kind: str, is_asked: bool
):
    machine.has_pulumi = True
    config = {**DEV.config, "slipway:cluster": cluster, "slipway:serviceType": kind}
    stack = Stack(project=DEV.project, name="dev", config=config, secret_keys=frozenset())

    assert deploy.up(stack).prediction == (PREDICTION if is_asked else None)
    assert ("smoke" in machine.did) is is_asked


def test_down_without_the_engine_stops_the_cluster(machine: Machine):
    deploy.down(DEV)

    assert machine.did == ["cluster down"]


def test_down_destroys_before_the_cluster_is_stopped(machine: Machine):
    machine.has_pulumi = machine.knows_stack = True

    deploy.down(DEV)

    assert machine.did == ["engine destroy", "cluster down"]


def test_down_after_the_cluster_has_died_forgets_what_was_in_it(machine: Machine):
    machine.has_pulumi = machine.knows_stack = True
    machine.road.is_healthy = False

    deploy.down(DEV)

    assert machine.did == ["engine forget", "cluster down"]


def test_a_shared_stack_that_is_down_stays_down(machine: Machine):
    machine.has_pulumi = True

    deploy.down(PROD)

    assert machine.did == []
