from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops import deploy
from ops.errors import OperationError
from ops.local.monitoring import CLUSTER_URL
from ops.running import Holder, Running
from ops.stack import PROJECT, Stack
from tests.conftest import StackOf

OUTPUTS = {"url": "http://127.0.0.1:30080"}
PREDICTION = {"label": "tiger cat"}


class Road:
    """Stands for the local cluster."""

    def __init__(self, did: list[str]) -> None:
        self._did = did
        self.is_new = True
        self.is_healthy = False

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
        self.is_logged_in = True
        self.resources: int | None = None
        self.stacks: dict[str, Running] = {}
        self.holder: Holder | None = None
        self.artifact = Path(__file__)

        def does(what: str, result: Any = None) -> Callable[..., Any]:
            return lambda *_, **__: (self.did.append(what), result)[1]

        monkeypatch.setattr(deploy, "road", lambda: self.road)
        monkeypatch.setattr(deploy.monitoring, "up", does("monitoring up"))
        monkeypatch.setattr(deploy, "ensure_artifact", does("model", Path("artifact")))
        monkeypatch.setattr(deploy, "artifact_folder", lambda _: self.artifact)
        monkeypatch.setattr(deploy, "smoke", does("smoke", PREDICTION))
        monkeypatch.setattr(deploy.running, "stacks", lambda _: dict(self.stacks))
        monkeypatch.setattr(deploy.running, "holder", lambda *_: self.holder)
        monkeypatch.setattr(deploy.apply, "up", does("apply", OUTPUTS))
        monkeypatch.setattr(deploy.apply, "down", lambda _, namespace: self.did.append(f"delete {namespace}"))
        monkeypatch.setattr(deploy.engine, "installed", lambda: self.has_pulumi)
        monkeypatch.setattr(deploy.engine, "logged_in", lambda: self.is_logged_in)
        monkeypatch.setattr(deploy.engine, "resources", lambda _: self.resources)
        monkeypatch.setattr(deploy.engine, "outputs", lambda _: OUTPUTS)
        for call in ("check", "check_consent", "select", "destroy", "forget"):
            monkeypatch.setattr(deploy.engine, call, does(f"engine {call}"))
        monkeypatch.setattr(deploy.engine, "up", does("engine up", OUTPUTS))

    def run(self, name: str, *, is_applied: bool = True) -> None:
        """Let a stack run on the cluster."""
        self.road.is_healthy, self.road.is_new = True, False
        self.stacks[name] = Running(namespace=f"slipway-{name}", is_applied=is_applied)


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
    assert "without the Pulumi engine" in capsys.readouterr().err


def test_with_the_engine_it_is_the_engine_and_says_so(machine: Machine, capsys: pytest.CaptureFixture[str]):
    machine.has_pulumi = True

    deploy.up(DEV)

    assert machine.did == ["engine check", "model", "cluster up", "engine up", "smoke"]
    assert "the Pulumi engine deploys" in capsys.readouterr().err


def test_kubectl_applies_where_it_is_asked_to_although_pulumi_is_on_path(machine: Machine):
    machine.has_pulumi = True

    deploy.up(DEV, "kubectl")

    assert machine.did == ["model", "cluster up", "apply", "smoke"]


def test_what_the_engine_remembers_of_a_cluster_that_is_gone_is_forgotten(machine: Machine):
    machine.has_pulumi, machine.resources = True, 16

    deploy.up(DEV)

    assert machine.did[2:-1] == ["cluster up", "engine forget", "engine select", "engine up"]


def test_what_the_engine_remembers_of_a_running_cluster_is_kept(machine: Machine):
    machine.has_pulumi, machine.resources = True, 16
    machine.run("dev", is_applied=False)

    deploy.up(DEV)

    assert "engine forget" not in machine.did


@pytest.mark.parametrize("has_pulumi", [False, True])
def test_a_stack_that_kubectl_applied_stays_with_it(machine: Machine, has_pulumi: bool):
    machine.has_pulumi = has_pulumi
    machine.run("dev")

    deploy.up(DEV)

    assert machine.did == ["model", "cluster up", "apply", "smoke"]


def test_a_node_port_that_another_service_has_is_refused_before_anything_is_done(machine: Machine):
    machine.run("dev")
    machine.holder = Holder(namespace="slipway-dev", name="model", stack="dev")

    with pytest.raises(
        OperationError,
        match=r"node port 30081 of stack watched is taken by Service model of stack dev in namespace "
        r"slipway-dev: set another slipway:nodePort in Pulumi.watched.yaml, or `make down STACK=dev` first",
    ):
        deploy.up(WATCHED)

    assert machine.did == []


def test_a_stacks_own_node_port_is_no_obstacle(machine: Machine):
    machine.run("dev")
    machine.holder = Holder(namespace="slipway-dev", name="model", stack="dev")

    deploy.up(DEV)

    assert "apply" in machine.did


def test_no_two_local_stacks_have_one_node_port():
    stacks = [Stack.read(file.name.split(".")[1]) for file in PROJECT.glob("Pulumi.*.yaml")]
    ports = [stack.get("nodePort") for stack in stacks if stack.is_local]

    assert len(ports) >= 2
    assert len({*ports}) == len(ports)


def test_a_shared_stack_is_the_engines_and_starts_no_cluster(machine: Machine):
    machine.has_pulumi = True

    deploy.up(PROD)

    assert machine.did == ["engine check", "model", "engine up", "smoke"]


@pytest.mark.parametrize("has_pulumi", [False, True])
def test_a_local_stack_finds_the_prometheus_that_it_says_exists(machine: Machine, has_pulumi: bool):
    machine.has_pulumi = has_pulumi

    deploy.up(WATCHED)

    deployed = "engine up" if has_pulumi else "apply"
    assert machine.did[-5:] == ["model", "cluster up", "monitoring up", deployed, "smoke"]


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


def test_down_of_the_last_stack_stops_the_cluster(machine: Machine):
    machine.run("dev")

    deploy.down(DEV)

    assert machine.did == ["cluster down"]


def test_down_beside_another_stack_deletes_its_own_objects_and_says_who_keeps_the_cluster(
    machine: Machine, capsys: pytest.CaptureFixture[str]
):
    machine.run("dev")
    machine.run("watched")

    deploy.down(WATCHED)

    assert machine.did == ["delete slipway-watched"]
    assert "the cluster stays for dev: `make down STACK=NAME`" in capsys.readouterr().err


def test_down_of_a_stack_that_is_not_there_leaves_the_others(machine: Machine):
    machine.run("dev")

    deploy.down(WATCHED)

    assert machine.did == []


@pytest.mark.parametrize("other", [False, True])
def test_down_destroys_what_the_engine_made_and_the_last_stack_takes_the_cluster(
    machine: Machine, other: bool
):
    machine.has_pulumi = True
    machine.run("dev", is_applied=False)
    if other:
        machine.run("watched", is_applied=False)

    deploy.down(DEV)

    assert machine.did == ["engine destroy", *([] if other else ["cluster down"])]


@pytest.mark.parametrize("how", ["asked for kubectl", "applied by kubectl", "no pulumi"])
def test_down_does_without_the_engine_where_it_can(machine: Machine, how: str):
    machine.has_pulumi, machine.is_logged_in = how != "no pulumi", False
    machine.run("dev", is_applied=how == "applied by kubectl")
    machine.run("watched")

    deploy.down(DEV, "kubectl" if how == "asked for kubectl" else "auto")

    assert machine.did == ["delete slipway-dev"]


def test_down_of_what_the_engine_made_says_what_to_do_without_a_login(machine: Machine):
    machine.has_pulumi, machine.is_logged_in = True, False
    machine.run("dev", is_applied=False)

    with pytest.raises(OperationError, match=r"`pulumi login --local`.*ENGINE=kubectl"):
        deploy.down(DEV)

    assert machine.did == []


@pytest.mark.parametrize("is_logged_in", [False, True])
def test_down_after_the_cluster_has_died_forgets_what_was_in_it(machine: Machine, is_logged_in: bool):
    machine.has_pulumi, machine.resources, machine.is_logged_in = True, 16, is_logged_in

    deploy.down(DEV)

    assert machine.did == [*(["engine forget"] if is_logged_in else []), "cluster down"]


@pytest.mark.parametrize(
    ("resources", "did"), [(None, []), (0, []), (3, ["engine check_consent", "engine destroy"])]
)
def test_a_shared_stack_is_destroyed_where_it_holds_something(
    machine: Machine, resources: int | None, did: list[str]
):
    machine.has_pulumi, machine.resources = True, resources

    deploy.down(PROD)

    assert machine.did == did


def test_the_address_of_what_kubectl_applied_needs_no_engine(machine: Machine, stack_of: StackOf):
    machine.has_pulumi, machine.is_logged_in = True, False
    machine.run("dev")

    assert deploy.address(stack_of("dev")) == "http://127.0.0.1:30080"


def test_the_address_of_what_the_engine_made_is_its_own(machine: Machine):
    machine.has_pulumi, machine.resources = True, 16
    machine.run("dev", is_applied=False)

    assert deploy.address(DEV) == OUTPUTS["url"]


@pytest.mark.parametrize("outputs", [{}, {"url": "pending"}, {"url": "http://<node>:30080"}])
def test_a_stack_without_an_address_says_how_to_bring_it_up(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]
):
    machine.has_pulumi, machine.resources = True, 0 if not outputs else 16
    monkeypatch.setattr(deploy.engine, "outputs", lambda _: outputs)

    with pytest.raises(
        OperationError, match=r"stack prod has no address that is known here: `make up STACK=prod`"
    ):
        deploy.address(PROD)


def test_a_local_stack_that_does_not_run_has_no_address(machine: Machine):
    machine.run("dev")

    with pytest.raises(OperationError, match=r"watched is not on the local cluster: `make up STACK=watched`"):
        deploy.address(WATCHED)
