"""The program run with Pulumi's mocks, and its objects found by kind."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.program import Run, run
from tests.conftest import StackOf

Objects = dict[str, dict[str, Any]]
"""A run's Kubernetes objects by kind; the program declares one of each."""

Declare = Callable[..., Objects]


def by_kind(declared: Run) -> Objects:
    kinds = [one["kind"] for one in declared.objects()]
    assert len(set(kinds)) == len(kinds)
    return {one["kind"]: one for one in declared.objects()}


@pytest.fixture
def program(stack_of: StackOf) -> Callable[..., Run]:
    """Runs the program for a stack as `stack_of` makes it."""
    return lambda *args, **config: run(stack_of(*args, **config))


@pytest.fixture
def declare(program: Callable[..., Run]) -> Declare:
    return lambda *args, **config: by_kind(program(*args, **config))
