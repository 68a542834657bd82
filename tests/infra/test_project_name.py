"""A project of any name keeps the keys `slipway:…`, and the defaults of this repository."""

from dataclasses import replace

import pytest

from ops.stack import Stack
from tests.conftest import StackOf
from tests.parsing import parse, problems


def renamed(stack: Stack, *, as_copied: bool) -> Stack:
    """Return the stack in a project of another name.

    Args:
        stack: A stack of this project, with its defaults.
        as_copied: Whether the project has a copy of our Pulumi.yaml, whose defaults the engine then puts into
            the project's own namespace.

    """
    defaults = Stack.read("prod").config
    given = {key: value for key, value in stack.config.items() if defaults.get(key) != value}
    copied = {f"acme:{key.partition(':')[2]}": value for key, value in defaults.items()}
    registry = {"slipway:registry": stack.get("registry")}
    own = {key: value for key, value in copied.items() if key != "acme:registry"} if as_copied else {}
    return replace(stack, project="acme", config={**own, **given, **registry})


@pytest.mark.parametrize("as_copied", [True, False])
def test_the_settings_are_those_of_a_project_named_slipway(stack_of: StackOf, as_copied: bool):
    stack = stack_of(maxReplicas="7", namespace="mine")

    assert parse(renamed(stack, as_copied=as_copied)) == parse(stack)


def test_the_namespace_starts_with_the_name_of_the_project(stack_of: StackOf):
    assert parse(renamed(stack_of(), as_copied=True)).namespace == "acme-prod"


def test_a_setting_in_the_namespace_of_the_project_is_refused_with_the_right_key(stack_of: StackOf):
    stack = renamed(stack_of(), as_copied=True)
    stack = replace(stack, config={**stack.config, "acme:maxReplicas": "8"})

    assert problems(stack) == [
        ("acme:maxReplicas", "is not read; set it with `pulumi config set slipway:maxReplicas VALUE`")
    ]


def test_keys_of_the_program_itself_are_not_reported(stack_of: StackOf):
    stack = renamed(stack_of(), as_copied=False)
    stack = replace(stack, config={**stack.config, "acme:team": "vision"})

    assert problems(stack) == []
