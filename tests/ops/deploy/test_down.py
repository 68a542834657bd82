import pytest

from ops import deploy
from ops.errors import OperationError
from tests.ops.deploy.conftest import DEV, PROD, WATCHED, Machine


def test_down_of_the_last_stack_stops_the_cluster(machine: Machine):
    machine.run("dev")

    deploy.down(DEV)

    assert machine.did == ["cluster down"]


def test_down_beside_another_stack_deletes_its_own_objects_and_names_the_other(
    machine: Machine, capsys: pytest.CaptureFixture[str]
):
    machine.run("dev")
    machine.run("watched")

    deploy.down(WATCHED)

    assert machine.did == ["delete slipway-watched"]
    assert "the cluster stays for dev: `make down STACK=NAME`" in capsys.readouterr().err


def test_down_of_a_stack_that_is_not_running_changes_no_other_stack(machine: Machine):
    machine.run("dev")

    deploy.down(WATCHED)

    assert machine.did == []


@pytest.mark.parametrize("other", [False, True])
def test_down_destroys_a_stack_of_the_engine_and_stops_the_cluster_if_it_was_the_last(
    machine: Machine, other: bool
):
    machine.has_pulumi = True
    machine.run("dev", is_applied=False)
    if other:
        machine.run("watched", is_applied=False)

    deploy.down(DEV)

    assert machine.did == ["engine destroy", *([] if other else ["cluster down"])]


@pytest.mark.parametrize("how", ["asked for kubectl", "applied by kubectl", "no pulumi"])
def test_down_does_not_use_the_engine_if_it_is_not_needed(machine: Machine, how: str):
    machine.has_pulumi, machine.is_logged_in = how != "no pulumi", False
    machine.run("dev", is_applied=how == "applied by kubectl")
    machine.run("watched")

    deploy.down(DEV, "kubectl" if how == "asked for kubectl" else "auto")

    assert machine.did == ["delete slipway-dev"]


def test_down_of_a_stack_of_the_engine_needs_a_login(machine: Machine):
    machine.has_pulumi, machine.is_logged_in = True, False
    machine.run("dev", is_applied=False)

    with pytest.raises(OperationError, match=r"`pulumi login --local`.*ENGINE=kubectl"):
        deploy.down(DEV)

    assert machine.did == []


@pytest.mark.parametrize("is_logged_in", [False, True])
def test_down_after_the_cluster_died_removes_the_state_of_the_stack(machine: Machine, is_logged_in: bool):
    machine.has_pulumi, machine.resources, machine.is_logged_in = True, 16, is_logged_in

    deploy.down(DEV)

    assert machine.did == [*(["engine remove_state"] if is_logged_in else []), "cluster down"]


@pytest.mark.parametrize(
    ("resources", "did"), [(None, []), (0, []), (3, ["engine check_consent", "engine destroy"])]
)
def test_a_shared_stack_is_destroyed_if_it_has_resources(
    machine: Machine, resources: int | None, did: list[str]
):
    machine.has_pulumi, machine.resources = True, resources

    deploy.down(PROD)

    assert machine.did == did
