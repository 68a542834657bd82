"""Read the values of a stack's file as the Pulumi engine reads them and passes them to the program."""

import json
import re
from typing import Any, cast

import yaml

UNDECRYPTED = "[secret]"
"""Used in place of a value that only the engine can decrypt. No output may hold it."""

BOOL, INT, FLOAT, TIMESTAMP = (f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "timestamp"))


class _Loader(yaml.SafeLoader):
    """Reads `no`, 12:30 and 2026-01-31 as text, as the engine does: https://pkg.go.dev/gopkg.in/yaml.v3.

    PyYAML follows YAML 1.1, where they are a boolean, a number and a date.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - the type that PyYAML gives it
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (BOOL, INT, FLOAT, TIMESTAMP)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    """Read a whole number as one: the JSON of the engine has no fraction then."""
    value = loader.construct_yaml_float(node)
    return int(value) if value.is_integer() else value


RESOLVERS = {
    BOOL: (r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    INT: (r"[-+]?(?:0x[0-9a-fA-F_]+|[0-9][0-9_]*)$", "-+0123456789"),
    FLOAT: (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
}
"""By type: the pattern of its text, and the characters with which it may start."""

for tag, (pattern, starts) in RESOLVERS.items():
    cast(Any, _Loader).add_implicit_resolver(tag, re.compile(pattern), [*starts])
_Loader.add_constructor(FLOAT, _number)


def load(text: str) -> Any:  # noqa: ANN401 - any YAML value
    """Parse YAML."""
    return yaml.load(text, _Loader)  # noqa: S506 - the base class is SafeLoader


def without_secrets(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """Return a value with `UNDECRYPTED` in place of each encrypted one in it, which is `{secure: TEXT}`."""
    match value:
        case {"secure": str(), **others} if not others:
            return UNDECRYPTED
        case dict():
            return {key: without_secrets(item) for key, item in cast(dict[str, Any], value).items()}
        case list():
            return [without_secrets(item) for item in cast(list[Any], value)]
        case _:
            return value


def as_text(value: object) -> str:
    """Return a value as the program gets it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
