"""Every setting within a group changes the declared objects, so none is described and parsed but not used."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.settings import Settings
from infra.settings.schema import Inner, inner_settings, schema_of
from ops.stack import Stack
from tests.conftest import StackOf
from tests.infra.declarations import declarations
from tests.infra.keys import EXAMPLES, GROUP_KEYS
from tests.parsing import problems

pytestmark = pytest.mark.slow

Keys = tuple[Any, ...]

SELECTING = {("modelSource", "type")}
"""Settings that decide which others are allowed. The examples have each of their values."""

REMOVED = object()
"""Stands for a setting that is not set."""


def leaves(key: str) -> list[Inner]:
    """Return the settings within a group that have no settings within them."""
    found = {setting.path: setting for setting in inner_settings(schema_of(Settings, key))}
    return [
        setting
        for path, setting in found.items()
        if not any(other[: len(path)] == path for other in found if other != path)
    ]


CASES = [
    (key, setting) for key in EXAMPLES for setting in leaves(key) if (key, setting.name) not in SELECTING
]


def places(value: Any, path: Keys) -> Iterator[Keys]:
    """Yield the places in a value that a path leads to, where `[]` and `KEY` stand for any item."""
    if not path:
        yield ()
        return
    step, *rest = path
    if step == "[]" and isinstance(value, list):
        steps: list[Any] = [*range(len(value))]
    elif isinstance(value, dict):
        steps = [*value] if step == "KEY" else [step] if step in value else []
    else:
        steps = []
    for key in steps:
        yield from ((key, *place) for place in places(value[key], tuple(rest)))


def other_values(value: Any, setting: Inner) -> Iterator[Any]:
    """Yield values that may be allowed instead of a value."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1)
        case str():
            alternatives = [setting.schema, *setting.schema.get("anyOf", ())]
            choices = [choice for schema in alternatives for choice in schema.get("enum", ())]
            yield from (choice for choice in choices if choice != value)
            yield from (f"{value}2", f"2{value}")
        case dict():
            yield {**value, "other": "1"}
        case list():
            yield value[:-1]
        case _:
            pass


def changed(example: Any, place: Keys, value: Any) -> Any:
    result = copy.deepcopy(example)
    within = result
    *outer, last = place
    for step in outer:
        within = within[step]
    if value is REMOVED:
        del within[last]
    else:
        within[last] = value
    return result


@pytest.fixture
def stack_with(stack_of: StackOf) -> Callable[[str, Any], Stack]:
    """Return a function that makes a stack with a group, which is encrypted if it has a secret."""

    def stack(key: str, value: Any) -> Stack:
        given = {key: json.dumps(value)}
        return stack_of(secret=given) if "writeOnly" in str(schema_of(Settings, key)) else stack_of(**given)

    return stack


def test_every_example_is_of_a_group():
    assert {*EXAMPLES} <= {*GROUP_KEYS}


@pytest.mark.parametrize(("key", "setting"), CASES, ids=[f"{key}.{setting.name}" for key, setting in CASES])
def test_every_inner_setting_changes_the_declared_objects(
    stack_with: Callable[[str, Any], Stack], key: str, setting: Inner
):
    found = [(example, place) for example in EXAMPLES[key] for place in places(example, setting.path)]
    others = [
        *(
            (example, place, value)
            for example, place in found
            for value in other_values(_at(example, place), setting)
        ),
        # The last resort, because what is not set may have the same value by default.
        *((example, place, REMOVED) for example, place in found),
    ]
    pairs = ((example, stack_with(key, changed(example, place, value))) for example, place, value in others)
    example, allowed = next(
        ((example, stack) for example, stack in pairs if not problems(stack)), (None, None)
    )

    assert allowed, f"no example sets {setting.name}, or no other value of it is allowed"
    assert declarations(allowed) != declarations(stack_with(key, example))


def _at(value: Any, place: Keys) -> Any:
    for step in place:
        value = value[step]
    return value
