"""Runs of the program whose group `exposure` is changed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.program import Run
from tests.infra.conftest import Declare, Objects, by_kind

Exposed = Callable[..., Run]


@pytest.fixture
def exposed(program: Callable[..., Run]) -> Exposed:
    """Return a function that runs the program with a group `exposure`; other settings are in `config`."""

    def run(config: dict[str, str] | None = None, **exposure: Any) -> Run:
        return program(**(config or {}), exposure=json.dumps(exposure))

    return run


@pytest.fixture
def declare_exposed(exposed: Exposed) -> Declare:
    """Return a function that returns the declared objects by kind."""

    def run(config: dict[str, str] | None = None, **exposure: Any) -> Objects:
        return by_kind(exposed(config, **exposure))

    return run
