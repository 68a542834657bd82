"""The settings of a stack, with those within groups."""

from typing import get_type_hints

from pydantic.alias_generators import to_camel

from infra.settings import Settings, declared
from infra.settings.reading import GROUPS
from infra.settings.schema import inner_settings, schema_of
from infra.settings.values import OptionalSecret

GROUP_KEYS = [key for key, setting in declared().items() if setting["type"] in GROUPS]

FLAT_KEYS = [key for key in declared() if key not in GROUP_KEYS]

SECRETS = [
    to_camel(name)
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if hint == OptionalSecret
]
"""The flat keys that must be encrypted."""


def settings_and_inner_ones() -> list[str]:
    """Return the flat keys and the paths of the settings within groups: `pod.tolerations[].key`."""
    return [*FLAT_KEYS, *(name for key in GROUP_KEYS for name in names_within(key))]


def names_within(key: str) -> list[str]:
    """Return the paths of the settings within a group."""
    schema = schema_of(Settings, key)
    prefix = f"{key}[]." if schema.get("type") == "array" else f"{key}."
    return [*dict.fromkeys(f"{prefix}{setting.name}" for setting in inner_settings(schema))]
