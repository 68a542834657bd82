"""Walk the JSON schema of a group of settings: which settings it has, by their paths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel

Schema = Mapping[str, Any]
"""A JSON schema as pydantic makes it, with `$defs` at its root: https://json-schema.org/draft/2020-12."""

Path = tuple[str | int, ...]
"""Keys and indexes that lead to a value within another one."""


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A setting within a group."""

    path: tuple[str, ...]
    """Keys that lead to it from the group. `[]` stands for the index of an item, `KEY` for a free key."""

    schema: Schema
    is_required: bool

    @property
    def name(self) -> str:
        """The path as text: `tolerations[].key`."""
        return ".".join(self.path).replace(".[]", "[]")

    @property
    def is_kubernetes(self) -> bool:
        """Whether it is an object of Kubernetes' own, whose documentation describes what is in it."""
        return "kubernetes" in self.schema

    @property
    def former_key(self) -> str | None:
        """The flat key that it had in an older version."""
        return self.schema.get("formerly")


@cache
def schema_of(settings: type, key: str) -> Schema:
    """Return the schema of one setting of a class: that of a group, if the setting is a group."""
    hints = get_type_hints(settings, include_extras=True)
    (hint,) = [hint for name, hint in hints.items() if to_camel(name) == key]
    return TypeAdapter(hint).json_schema()


def inner_settings(root: Schema) -> Iterator[Inner]:
    """Yield every setting within a group, an outer one before those in it."""
    yield from _inner(root, root, ())


def names_at(root: Schema, path: Path) -> list[str]:
    """Return the names of the settings that an object within a group may have; empty if any are allowed."""
    schemas = [root]
    for key in path:
        schemas = [found for schema in schemas for found in _steps(root, schema, key)]
    return [
        name
        for schema in schemas
        for alternative in _alternatives(root, schema)
        for name in alternative.get("properties", {})
    ]


def _inner(root: Schema, schema: Schema, path: tuple[str, ...]) -> Iterator[Inner]:
    for alternative in _alternatives(root, schema):
        for name, found in alternative.get("properties", {}).items():
            yield Inner(
                path=(*path, name),
                # pydantic leaves out a description that is the same as that of the class.
                schema={"description": _definition(root, found).get("description"), **found},
                is_required=name in alternative.get("required", ()),
            )
            yield from _inner(root, found, (*path, name))
        for keyword, step in (("items", "[]"), ("additionalProperties", "KEY")):
            if isinstance(found := alternative.get(keyword), Mapping):
                yield from _inner(root, cast(Schema, found), (*path, step))


def _definition(root: Schema, schema: Schema) -> Schema:
    """Return the schema that a `$ref` names; the schema itself if it has none."""
    reference = schema.get("$ref")
    return root["$defs"][reference.rpartition("/")[2]] if reference else schema


def _steps(root: Schema, schema: Schema, key: str | int) -> Iterator[Schema]:
    for alternative in _alternatives(root, schema):
        found = (
            alternative.get("items")
            if isinstance(key, int)
            else alternative.get("properties", {}).get(key, alternative.get("additionalProperties"))
        )
        if isinstance(found, Mapping):
            yield cast(Schema, found)


def _alternatives(root: Schema, schema: Schema) -> Iterator[Schema]:
    """Yield the schemas of which a value must fit one."""
    schema = _definition(root, schema)
    alternatives: Sequence[Schema] = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if not alternatives:
        yield schema
    for alternative in alternatives:
        yield from _alternatives(root, alternative)
