"""`make up` ends with a look at whether Prometheus scrapes what it has deployed."""

from typing import Any

import pytest

from ops import deploy, scrape
from ops.stack import Stack
from tests.ops.deploy.conftest import Machine


def test_prometheus_has_time_to_find_what_is_deployed(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    def check(stack: Stack, **given: Any) -> None:
        machine.did.append(f"scrape of {stack.name}, {given}")

    monkeypatch.setattr(deploy.scrape, "check", check)

    deploy.up(Stack.read("watched"))

    assert machine.did[-2:] == ["smoke", f"scrape of watched, {{'patience_seconds': {scrape.SECONDS}}}"]
