"""Every setting within a group changes the declared objects, so none is described and parsed but not used."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.settings import Settings
from infra.settings.schema import Inner, Path, inner_settings, schema_of
from tests.conftest import StackOf
from tests.infra.declarations import declarations
from tests.infra.keys import GROUP_KEYS
from tests.infra.test_placement import EVERYTHING
from tests.parsing import problems

pytestmark = pytest.mark.slow

EXAMPLES: dict[str, Any] = {"pod": EVERYTHING}
"""By group, a value that sets every setting within it at least once."""

REMOVED = object()
"""Stands for a setting that is not set."""


def inner(key: str) -> list[Inner]:
    found = {setting.path: setting for setting in inner_settings(schema_of(Settings, key))}
    return [*found.values()]


CASES = [(key, setting) for key in GROUP_KEYS for setting in inner(key)]


def places(value: Any, path: Path) -> Iterator[Path]:
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
        case _:
            pass
    yield REMOVED


def changed(example: Any, place: Path, value: Any) -> Any:
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


def test_every_group_has_an_example():
    assert [*EXAMPLES] == GROUP_KEYS


@pytest.mark.parametrize(("key", "setting"), CASES, ids=[f"{key}.{setting.name}" for key, setting in CASES])
def test_every_inner_setting_changes_the_declared_objects(stack_of: StackOf, key: str, setting: Inner):
    example = EXAMPLES[key]
    stacks = (
        stack_of(**{key: json.dumps(changed(example, place, value))})
        for place in places(example, setting.path)
        for value in other_values(_at(example, place), setting)
    )
    allowed = next((stack for stack in stacks if not problems(stack)), None)

    assert allowed, f"the example does not set {setting.name}, or no other value of it is allowed"
    assert declarations(allowed) != declarations(stack_of(**{key: json.dumps(example)}))


def _at(value: Any, place: Path) -> Any:
    for step in place:
        value = value[step]
    return value
