"""Walk the JSON schema of a group of settings: which settings it has, by their paths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    def is_secret(self) -> bool:
        """Whether the value must be encrypted in the stack's file."""
        return any(part.get("writeOnly") for part in (self.schema, *self.schema.get("anyOf", ())))

    @property
    def former_key(self) -> str | None:
        """The flat key that it had in an older version."""
        return self.schema.get("formerly")


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
            yield Inner(path=(*path, name), schema=found, is_required=name in alternative.get("required", ()))
            yield from _inner(root, found, (*path, name))
        for keyword, step in (("items", "[]"), ("additionalProperties", "KEY")):
            if isinstance(found := alternative.get(keyword), Mapping):
                yield from _inner(root, cast(Schema, found), (*path, step))


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
    if reference := schema.get("$ref"):
        schema = root["$defs"][reference.rpartition("/")[2]]
    alternatives: Sequence[Schema] = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if not alternatives:
        yield schema
    for alternative in alternatives:
        yield from _alternatives(root, alternative)
