import pytest

from ops import deploy
from ops.errors import OperationError
from tests.ops.deploy.conftest import DEV, PROD, WATCHED, Machine


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
