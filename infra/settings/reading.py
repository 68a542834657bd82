"""Read the configuration of the current stack into a class of settings, and report everything that is wrong.

Most settings have a flat key, such as `slipway:minReplicas`. A group of settings has one key whose value is
an object or a list, such as `slipway:pod`: the engine passes it on as JSON. `Pulumi.yaml` can declare that
a key is an object, but not what is in it, and the engine uses the default of a key only if the whole key is
not set. Therefore the class of a group holds the defaults and descriptions of the settings within it.

https://www.pulumi.com/docs/iac/concepts/config/#structured-configuration
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar, cast

import pulumi
from pulumi.runtime.config import CONFIG as PULUMI_CONFIG
from pulumi.runtime.config import is_config_secret
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from infra.settings.problems import NAMESPACE, describe, did_you_mean, named
from infra.settings.schema import Schema, inner_settings, schema_of
from infra.settings.values import Encrypted

T = TypeVar("T")
Declared = Mapping[str, Mapping[str, Any]]
"""The part `config` of a `Pulumi.yaml`: each key with its `type` and `default`."""

GROUPS = ("object", "array")
"""Types of keys that are groups of settings."""


class SettingsError(pulumi.RunError):
    """Everything that is wrong with the settings: on each line a key, its value and what is allowed."""


def read(settings: type[T], declared: Declared) -> T:
    """Read the configuration of the current stack.

    A key that the stack does not set has the default of `declared`, whatever the project's name is.

    Args:
        settings: A dataclass of pydantic's, with a field for each key.
        declared: The keys.

    Raises:
        SettingsError: A value is not allowed, a key is unknown, or a secret is in plain text.

    """
    keys = [to_camel(name) for name in cast(Any, settings).__dataclass_fields__]
    groups = {key: schema_of(settings, key) for key in keys if declared[key].get("type") in GROUPS}
    values = {key: _value(key, declared[key]) for key in keys}
    moved = dict(_moved(groups))
    problems = [*_unknown([*keys, *moved]), *_misplaced(keys, declared), *_move(moved, values)]
    try:
        result = TypeAdapter(settings).validate_python(values, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += [describe(details, values, groups) for details in error.errors()]
    else:
        if not problems:
            return result
    raise SettingsError(
        f"stack {pulumi.get_stack()}: "
        + "\n  ".join(
            ["change these with `pulumi config set KEY VALUE` (`set --path` within a group):", *problems]
        )
    )


def _value(key: str, declared: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a key as it is validated: text, or the value of a group's JSON."""
    config = pulumi.Config(NAMESPACE)
    given = config.get(key)
    value: Any = _default(declared) if given is None else given
    if declared.get("type") in GROUPS:
        # Other text is refused when the group is validated.
        with suppress(ValueError):
            value = json.loads(value)
    return _encrypted(value) if is_config_secret(config.full_key(key)) else value


def _encrypted(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case str():
            return Encrypted(value)
        case dict():
            return {key: _encrypted(item) for key, item in cast(dict[str, Any], value).items()}
        case list():
            return [_encrypted(item) for item in cast(list[Any], value)]
        case _:
            return value


def _default(declared: Mapping[str, Any]) -> str:
    """Return the default of a key as the text that the engine passes on."""
    default = declared.get("default", "")
    return default if isinstance(default, str) else json.dumps(default)


def _moved(groups: Mapping[str, Schema]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the flat keys of older versions, each with the path of the setting that it is today."""
    for key, schema in groups.items():
        for setting in inner_settings(schema):
            if setting.former_key:
                yield setting.former_key, (key, *setting.path)


def _move(moved: Mapping[str, tuple[str, ...]], values: dict[str, Any]) -> Iterator[str]:
    """Write the values of flat keys of older versions to where they belong, with a warning for each.

    Yields:
        A problem for each that is set at both places.

    """
    config = pulumi.Config(NAMESPACE)
    for key, path in moved.items():
        given, outer = config.get(key), _object_at(values, path[:-1])
        if given is None or outer is None:
            continue
        if path[-1] in outer:
            yield f"{key}: is {named(path)} now, which is set too; remove it with `pulumi config rm {key}`"
        else:
            pulumi.log.warn(f"{key} is {named(path)} now: set it there, with `pulumi config set --path`")
            outer[path[-1]] = Encrypted(given) if is_config_secret(config.full_key(key)) else given


def _object_at(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the object at a path, which is made if there is nothing; None if there is no object."""
    for key in path:
        if not isinstance(found := values.setdefault(key, {}), dict):
            return None
        values = cast(dict[str, Any], found)
    return values


def _unknown(known: list[str]) -> Iterable[str]:
    for key in sorted(_given(NAMESPACE).keys() - {*known}):
        yield f"{key}: {did_you_mean(key, known, 'see Pulumi.yaml')}"


def _misplaced(keys: list[str], declared: Declared) -> Iterable[str]:
    """Find settings that are set in the namespace of a project of another name, where nothing reads them."""
    project = pulumi.get_project()
    if project == NAMESPACE:
        return
    given = _given(project)
    for key in sorted(given.keys() & {*keys}):
        # The engine itself puts the defaults of a copied Pulumi.yaml into the project's namespace.
        if given[key] != _default(declared[key]):
            yield f"{project}:{key}: is not read; set it with `pulumi config set {NAMESPACE}:{key} VALUE`"


def _given(namespace: str) -> dict[str, str]:
    prefix = f"{namespace}:"
    return {
        key.removeprefix(prefix): value
        for key, value in PULUMI_CONFIG.get().items()
        if key.startswith(prefix)
    }
