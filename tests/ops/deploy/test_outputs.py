import pytest

from ops import deploy
from ops.errors import OperationError
from ops.stack import Stack
from tests.conftest import StackOf
from tests.ops.deploy.conftest import DEV, OUTPUTS, PROD, WATCHED, Machine


def urls(stack: Stack, only: str | None = None) -> dict[str, str]:
    """Return the known addresses of a stack by the names of its models."""
    return {model.get("model"): url for model, url in deploy.addresses(stack, only=only)}


def test_the_address_of_a_stack_that_kubectl_deployed_needs_no_engine(machine: Machine, stack_of: StackOf):
    machine.has_pulumi, machine.is_logged_in = True, False
    machine.run("dev")

    assert urls(stack_of("dev")) == {"tiny": "http://127.0.0.1:30080"}


def test_the_address_of_a_stack_of_the_engine_is_its_output(machine: Machine):
    machine.has_pulumi, machine.resources = True, 16
    machine.run("dev", is_applied=False)

    assert urls(DEV) == {DEV.get("model"): OUTPUTS["url"]}


@pytest.mark.parametrize("outputs", [{}, {"url": "pending"}, {"url": "http://<node>:30080"}])
def test_the_error_for_a_stack_without_an_address_says_how_to_deploy_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]
):
    machine.has_pulumi, machine.resources = True, 0 if not outputs else 16
    monkeypatch.setattr(deploy.engine, "outputs", lambda _: outputs)

    with pytest.raises(
        OperationError, match=r"efficientnet-lite0 of stack prod has no known address: `make up STACK=prod`"
    ):
        deploy.addresses(PROD)


def test_a_local_stack_that_is_not_running_has_no_address(machine: Machine):
    machine.run("dev")

    with pytest.raises(OperationError, match=r"watched is not on the local cluster: `make up STACK=watched`"):
        deploy.addresses(WATCHED)
