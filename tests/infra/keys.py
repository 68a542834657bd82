"""The settings of a stack, with those within groups."""

from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic.alias_generators import to_camel

from infra.settings import Settings, declared
from infra.settings.reading import GROUPS
from infra.settings.schema import inner_settings, schema_of
from infra.settings.values import OptionalSecret

GROUP_KEYS = [key for key, setting in declared().items() if setting["type"] in GROUPS]

FLAT_KEYS = [key for key in declared() if key not in GROUP_KEYS]

EXAMPLES: dict[str, list[Any]] = {
    file.stem: [*yaml.safe_load_all(file.read_text())]
    for file in (Path(__file__).parent / "examples").glob("*.yaml")
}
"""By group, values that together set every setting within it."""

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
    """Return the paths of the settings within a group; its key alone if they have no schema of their own."""
    schema = schema_of(Settings, key)
    prefix = f"{key}[]." if schema.get("type") == "array" else f"{key}."
    return [*dict.fromkeys(f"{prefix}{setting.name}" for setting in inner_settings(schema))] or [key]
