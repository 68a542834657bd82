"""docs/settings.md: the settings of a stack and the environment of the server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_type_hints

import yaml
from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.fields import FieldInfo

from app.settings import PREFIX
from app.settings import Settings as ServerSettings
from docs.references.tables import code, table
from infra.settings import Settings as StackSettings

PROJECT = Path(__file__).parents[2]
UNSET = "not set"

INTRO = """\
# Settings

A setting of a stack is in `Pulumi.STACK.yaml`, with the prefix `slipway:`. Change it in that file, with
`pulumi config set KEY VALUE --stack STACK`, or with `python -m ops set KEY VALUE --stack STACK`. A setting
that is not there has the default below.

Some settings exclude each other, or need each other. If two do not fit together, nothing is deployed, and the
message names both. [The way of a setting](architecture.md#the-way-of-a-setting) explains how they are read.
"""

SERVER = """\
## The environment of the server

The server reads these variables when it starts. In a pod, a variable with a setting in the last column gets
the value of that setting. The defaults are for a server that runs without a stack.
"""

BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}
"""Keywords of JSON Schema in words."""

Described = Mapping[str, Mapping[str, Any]]
"""The settings by key, each with `type`, `description` and perhaps `default`."""


def settings_page() -> str:
    """Return the page."""
    described: Described = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    parts = [INTRO, *(_group(group, described) for group in _groups())]
    schemas = ServerSettings.model_json_schema(by_alias=False)["properties"]
    rows = [
        _variable(name, field, allowed(schemas[name]), described)
        for name, field in ServerSettings.model_fields.items()
    ]
    header = ("variable", "default", "allowed", "what it is", "setting of the stack")
    return "\n".join([*parts, SERVER, table(header, rows)])


def allowed(schema: Mapping[str, Any]) -> str:
    """Return the choices or the bounds of a JSON schema in words; "" if it has neither."""
    if choices := schema.get("enum"):
        return code(*choices)
    if schema.get("type") == "boolean":
        return code("true", "false")
    bounds = [f"{words} {schema[bound]:g}" for bound, words in BOUNDS.items() if bound in schema]
    # An optional type has two alternatives, of which one is null.
    return ", ".join(bounds) or "".join(map(allowed, schema.get("anyOf", ())))


def _schema(hint: object) -> Mapping[str, Any]:
    try:
        return TypeAdapter(cast(Any, hint)).json_schema()
    except PydanticInvalidForJsonSchema:
        # A secret is an Output of Pulumi's, which has no schema.
        return {}


def _groups() -> list[type]:
    """Return the classes of which the stack's settings are made, the cluster's first."""
    return [group for group in reversed(StackSettings.__mro__) if group not in (object, StackSettings)]


def _group(group: type, described: Described) -> str:
    hints = get_type_hints(group, include_extras=True)
    rows: list[list[str]] = []
    for name in vars(group)["__annotations__"]:
        key = to_camel(name)
        setting = described[key]
        rows.append([code(key), _default(setting), allowed(_schema(hints[name])), setting["description"]])
    title = group.__name__.removesuffix("Settings")
    return f"## {title}\n\n{table(('setting', 'default', 'allowed', 'what it is'), rows)}"


def _default(setting: Mapping[str, Any]) -> str:
    default = setting.get("default")
    if default is None:
        return "none: it must be set"
    if isinstance(default, bool):
        return code(str(default).lower())
    return UNSET if default == "" else code(default)


def _variable(name: str, field: FieldInfo, values: str, described: Described) -> list[str]:
    key = to_camel(name)
    return [
        code(field.validation_alias or f"{PREFIX}{name.upper()}"),
        _server_default(field),
        values,
        field.description or "",
        code(key) if key in described else "",
    ]


def _server_default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "measured at the start"
    return UNSET if field.default in (None, "", ()) else code(field.default)
