"""Say what is wrong with a stack's settings: for each problem the key, its value and what is allowed."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic_core import ErrorDetails

from infra.settings.schema import Path, Schema, names_at
from infra.settings.values import ERROR_TYPE, PLAIN_TEXT, Encrypted

NAMESPACE = "slipway"
"""Namespace of the keys. It is fixed, so that a project of any name may use them: `slipway:minReplicas`."""

USER_INFO = re.compile(r"//[^/?#]*@")
"""A user, perhaps with a password, in an address: no message repeats it."""

PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
"""A key that needs no quotes in a path of Pulumi's."""

UNKNOWN = "unexpected_keyword_argument"
UNION = {"union_tag_invalid", "union_tag_not_found"}
"""Types of errors of pydantic: https://docs.pydantic.dev/latest/errors/validation_errors."""

MESSAGES = {
    "missing": "must be set",
    "dataclass_type": "an object",
    "dict_type": "an object",
    "mapping_type": "an object",
    "tuple_type": "a list",
    "union_tag_not_found": "must be set",
    "union_tag_invalid": "one of {expected_tags}",
}
"""What is said in place of the messages of pydantic that name types of Python."""


def named(path: Path) -> str:
    """Return a path as `pulumi config set --path` takes it; a flat key as it is.

    https://www.pulumi.com/docs/iac/concepts/config/#structured-configuration
    """
    key, *inner = path
    return f"{NAMESPACE}:{key}{''.join(map(_step, inner))}" if inner else str(key)


def did_you_mean(name: str, known: Sequence[str], otherwise: str) -> str:
    """Return what a person may have meant by an unknown name."""
    close = difflib.get_close_matches(name, known, n=2)
    return "unknown; " + (f"did you mean {' or '.join(close)}?" if close else otherwise)


def describe(error: ErrorDetails, values: Mapping[str, Any], groups: Mapping[str, Schema]) -> str:
    """Return the problem that an error of pydantic stands for.

    Args:
        error: The error.
        values: The values that were validated.
        groups: The schema of each key that is a group.

    """
    kind, context = error["type"], error.get("ctx", {})
    within: Path = context.get("within", ())
    # The wrong value of a union is the one that says which alternative is meant.
    tag: Path = (context["discriminator"].strip("'"),) if kind in UNION else ()
    path, value = _found(values, (*error["loc"], *within, *tag))
    name = named(path)
    is_replaced = error["input"] is not None and not (within or tag or isinstance(value, Encrypted))
    # What stands for an empty value is shown: the name of the namespace.
    value = error["input"] if is_replaced else value
    if kind == PLAIN_TEXT:
        option = f"--path '{name}'" if len(path) > 1 else name
        return f"{name}: is in plain text; set it again with `pulumi config set --secret {option}`"
    if kind == UNKNOWN:
        # In a union, the name may be known in another alternative.
        names = names_at(groups[str(path[0])], path[1:-1])
        known = [known for known in dict.fromkeys(names) if known != path[-1]]
        return f"{name}: {did_you_mean(str(path[-1]), known, 'there are ' + ', '.join(known))}"
    if kind in MESSAGES:
        message = MESSAGES[kind].format(**context)
    else:
        # The messages of pydantic's own start with a capital.
        message = error["msg"] if kind == ERROR_TYPE else error["msg"][0].lower() + error["msg"][1:]
    return f"{name}: {_shown(value)}{message}"


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key)}]"


def _found(values: Any, location: Path) -> tuple[Path, Any]:  # noqa: ANN401 - any JSON value
    """Return the path of a value and the value. Steps that only pydantic makes are left out of the path.

    Within a union, the location of an error names the alternative. For a key of a mapping it ends with
    `[key]`.
    """
    path: list[str | int] = []
    value: Any = values
    last = len(location) - 1
    for index, key in enumerate(location):
        if isinstance(value, Mapping):
            mapping = cast(Mapping[Any, Any], value)
            if key in mapping or (index == last and key != "[key]"):
                path.append(key)
                value = mapping.get(key)
        elif isinstance(value, list) and isinstance(key, int):
            path.append(key)
            value = cast(list[Any], value)[key]
    return tuple(path), cast(Any, value)


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value as the start of a message. Objects and lists are left out: they may hold a secret."""
    if value is None or isinstance(value, Mapping | list):
        return ""
    if isinstance(value, str) and not isinstance(value, Encrypted):
        value = USER_INFO.sub("//…@", value)
    return f"{value!r}: "
