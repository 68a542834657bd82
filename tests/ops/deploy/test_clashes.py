"""`make up` looks for what exists already before it builds anything."""

import pytest

from ops import deploy
from ops.errors import OperationError
from tests.conftest import StackOf
from tests.ops.deploy.conftest import Machine


def test_a_clash_stops_the_deployment_before_anything_is_built(
    machine: Machine, stack_of: StackOf, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_: object) -> None:
        raise OperationError("namespace slipway-prod exists already")

    machine.has_pulumi = True
    monkeypatch.setattr(deploy.clashes, "check", refuse)

    with pytest.raises(OperationError, match="exists already"):
        deploy.up(stack_of(), agreed=True)

    assert machine.did == ["engine check"]
