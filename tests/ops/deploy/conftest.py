"""A machine for the tests of `ops.deploy`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops import deploy
from ops.running import Holder, Running
from ops.stack import Stack

OUTPUTS = {"url": "http://127.0.0.1:30080"}
PREDICTION = {"label": "tiger cat"}


class Cluster:
    """A local cluster that records its calls."""

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
    """A machine that records what `ops.deploy` does on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[str] = []
        self.cluster = Cluster(self.did)
        self.has_pulumi = False
        self.is_logged_in = True
        self.resources: int | None = None
        self.stacks: dict[str, Running] = {}
        self.holder: Holder | None = None
        self.artifact = Path(__file__)

        def does(what: str, result: Any = None) -> Callable[..., Any]:
            return lambda *_, **__: (self.did.append(what), result)[1]

        monkeypatch.setattr(deploy, "driver", lambda: self.cluster)
        monkeypatch.setattr(deploy.clashes, "check", lambda _: None)
        monkeypatch.setattr(deploy.scrape, "check", lambda *_, **__: None)
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
        for call in ("check", "check_consent", "select", "destroy", "remove_state"):
            monkeypatch.setattr(deploy.engine, call, does(f"engine {call}"))
        monkeypatch.setattr(deploy.engine, "up", does("engine up", OUTPUTS))

    def run(self, name: str, *, is_applied: bool = True) -> None:
        """Put a running stack on the cluster."""
        self.cluster.is_healthy, self.cluster.is_new = True, False
        self.stacks[name] = Running(namespace=f"slipway-{name}", is_applied=is_applied)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


DEV, PROD, WATCHED = Stack.read("dev"), Stack.read("prod"), Stack.read("watched")
