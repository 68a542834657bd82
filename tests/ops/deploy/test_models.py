"""A stack with a list of models, deployed and asked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops import deploy
from ops.errors import OperationError
from ops.running import Holder
from ops.stack import Stack
from tests.ops.deploy.conftest import DEV, Machine

CATS, DOGS = "http://127.0.0.1:30080", "http://127.0.0.1:30082"
TWO = replace(
    DEV,
    config={
        **DEV.config,
        "slipway:models": '[{"model": "cats"}, {"model": "dogs", "exposure": {"nodePort": 30082}}]',
    },
)


@pytest.fixture
def asked(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """The questions to a machine on which both models are deployed."""
    machine.is_logged_in = True
    found: list[tuple[str, Path]] = []

    def smoke(url: str, artifact: Path, **_: Any) -> str:
        found.append((url, artifact))
        return url

    outputs = {"urls": {"cats": CATS, "dogs": DOGS}}
    monkeypatch.setattr(deploy, "smoke", smoke)
    monkeypatch.setattr(deploy, "ensure_artifact", lambda model: Path(model.get("model")))
    monkeypatch.setattr(deploy.apply, "up", lambda *_: outputs)
    monkeypatch.setattr(deploy.engine, "outputs", lambda _: outputs)
    return found


def test_every_model_is_exported_and_asked_at_its_own_address(asked: list[tuple[str, Path]]):
    deployed = deploy.up(TWO)

    assert asked == [(CATS, Path("cats")), (DOGS, Path("dogs"))]
    assert [(model.name, model.url, model.prediction) for model in deployed.models] == [
        ("cats", CATS, CATS),
        ("dogs", DOGS, DOGS),
    ]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("only", "urls"), [(None, [CATS, DOGS]), ("dogs", [DOGS])])
def test_the_addresses_are_those_of_every_model_or_of_one(
    machine: Machine, only: str | None, urls: list[str]
):
    machine.has_pulumi, machine.resources = True, 16
    machine.run("dev", is_applied=False)

    assert [url for _, url in deploy.addresses(TWO, only=only)] == urls


def test_the_node_port_of_every_model_must_be_free(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    machine.run("watched")
    taken = Holder(namespace="slipway-watched", name="model", stack="watched")
    monkeypatch.setattr(deploy.running, "holder", lambda _, port: taken if port == "30082" else None)

    with pytest.raises(OperationError, match="node port 30082 of stack dev is taken"):
        deploy.up(TWO)

    assert machine.did == []


@pytest.mark.parametrize("missing", ["cats", "dogs"])
def test_the_program_does_not_run_before_a_removal_unless_every_artifact_exists(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, missing: str
):
    given: list[bool] = []
    machine.has_pulumi, machine.resources = True, 16
    machine.run("dev", is_applied=False)

    def artifact(model: Stack) -> Path:
        return Path("nowhere") if model.get("model") == missing else Path(__file__)

    monkeypatch.setattr(deploy, "artifact_folder", artifact)
    monkeypatch.setattr(deploy.engine, "destroy", lambda *_, has_artifacts, **__: given.append(has_artifacts))

    deploy.down(TWO)

    assert given == [False]
