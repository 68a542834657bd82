"""docs/settings.md: the settings of a stack and the environment of the server."""

import json
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
from infra.settings.reading import GROUPS
from infra.settings.schema import Inner, inner_settings, schema_of

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

GROUP = """\
## Groups

A group is one key whose value is an object or a list. Write it in `Pulumi.STACK.yaml`:

```yaml
config:
  slipway:pod:
    nodeSelector: {disk: ssd}
    tolerations:
      - {key: team, value: vision, effect: NoSchedule}
```

or set one value in it:

```sh
pulumi config set --path 'slipway:pod.tolerations[0].key' team
```

A list is set item by item, from `[0]` on. `KEY` below stands for a key of your own.
"""

HEADER = ("setting", "default", "allowed", "what it is")

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
    groups = [key for key, setting in described.items() if setting["type"] in GROUPS]
    parts = [
        INTRO,
        *(_theme(theme, described) for theme in _themes()),
        GROUP,
        *(_group(key, described[key]["description"]) for key in groups),
    ]
    schemas = ServerSettings.model_json_schema(by_alias=False)["properties"]
    rows = [
        _variable(name, field, allowed(schemas[name]), described)
        for name, field in ServerSettings.model_fields.items()
    ]
    header = ("variable", "default", "allowed", "what it is", "setting of the stack")
    return "\n".join([*parts, SERVER, table(header, rows)])


def allowed(schema: Mapping[str, Any]) -> str:
    """Return the choices or the bounds of a JSON schema in words; "" if it has neither."""
    if choices := schema.get("enum", [schema["const"]] if "const" in schema else None):
        return code(*choices)
    if schema.get("writeOnly"):
        return "a secret"
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


def _themes() -> list[type]:
    """Return the classes of which the stack's settings are made, the cluster's first."""
    return [theme for theme in reversed(StackSettings.__mro__) if theme not in (object, StackSettings)]


def _theme(theme: type, described: Described) -> str:
    hints = get_type_hints(theme, include_extras=True)
    rows: list[list[str]] = []
    for name in vars(theme)["__annotations__"]:
        key = to_camel(name)
        setting = described[key]
        rows.append([code(key), _default(setting), allowed(_schema(hints[name])), setting["description"]])
    return f"## {theme.__name__.removesuffix('Settings')}\n\n{table(HEADER, rows)}"


def _group(key: str, description: str) -> str:
    root = schema_of(StackSettings, key)
    rows: dict[str, list[str]] = {}
    for setting in inner_settings(root):
        name = f"{key}[].{setting.name}" if root.get("type") == "array" else f"{key}.{setting.name}"
        values = allowed(setting.schema)
        if name in rows:
            # Alternatives of a union that have a setting of the same name.
            rows[name][2] = ", ".join(filter(None, dict.fromkeys([rows[name][2], values])))
        else:
            default = _inner_default(setting)
            rows[name] = [code(name), default, values, " ".join(setting.schema["description"].split())]
    return f"### {key}\n\n{description}\n\n{table(HEADER, rows.values())}"


def _inner_default(setting: Inner) -> str:
    if setting.is_required:
        return "none: it must be set"
    default = setting.schema.get("default")
    if default in (None, "", [], {}):
        return UNSET
    return code(json.dumps(default)) if isinstance(default, bool | list | dict) else code(default)


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
