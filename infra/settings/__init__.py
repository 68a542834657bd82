"""The settings of a stack, parsed into a frozen dataclass.

`Pulumi.yaml` holds the keys, descriptions and defaults. The groups in this folder say which values are
allowed.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime.config import CONFIG as PULUMI_CONFIG
from pulumi.runtime.config import is_config_secret
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from infra.settings.cluster import ClusterSettings
from infra.settings.image import ImageSettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.pod import PodSettings
from infra.settings.scaling import ScalingSettings
from infra.settings.values import CONFIG, ERROR_TYPE

NAMESPACE = "slipway"
"""Namespace of the keys. It is fixed, so that a project of any name may use them: `slipway:minReplicas`."""

PULUMI_YAML = Path(__file__).parents[2] / "Pulumi.yaml"

USER_INFO = re.compile(r"//[^/?#]*@")
"""A user, perhaps with a password, in an address: no message repeats it."""

ONLY_MODEL = "model"
"""Name of the Service, and of the Pulumi components, of the model of a stack without a list of models."""

SECRETS = ("registryPassword", "grafanaAdminPassword")


class SettingsError(pulumi.RunError):
    """Everything that is wrong with the settings: on each line a key, its value and what is allowed."""


# A rule of one group may look at the groups to its right, which are parsed first.
@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Settings(ScalingSettings, MonitoringSettings, PodSettings, ImageSettings, ClusterSettings):
    """The settings of a stack, for one of its models. `Pulumi.yaml` describes each field, in camel case."""

    models: Sequence[Mapping[str, Any]]
    """The list of models as it is set. These settings are of one of them, or of `model` if it is empty."""

    @property
    def service(self) -> str:
        """Name of the model's Service, and of its Pulumi components."""
        return self.model if self.models else ONLY_MODEL

    @classmethod
    def load(cls) -> "list[Settings]":
        """Parse the configuration of the current stack, for each model that it serves.

        A key that the stack does not set has the default of `Pulumi.yaml`, whatever the project's name is.

        Raises:
            SettingsError: A value is not allowed, a key is unknown, or a secret is in plain text.

        """
        config = pulumi.Config(NAMESPACE)
        keys = [to_camel(name) for name in cls.__dataclass_fields__]
        values: dict[str, Any] = {
            key: defaults()[key] if (given := config.get(key)) is None else given for key in keys
        }
        values["namespace"] = values["namespace"] or f"{pulumi.get_project()}-{pulumi.get_stack()}"
        problems = [*_unknown(config.name, keys), *_misplaced(keys)]
        for key in SECRETS:
            if values[key] and not is_config_secret(config.full_key(key)):
                problems.append(
                    f"{key}: is in plain text; set it again with `pulumi config set --secret {key}`"
                )
            values[key] = config.get_secret(key) if values[key] else None
        values["models"] = json.loads(values["models"])
        try:
            settings = [
                TypeAdapter(cls).validate_python({**values, **item}) for item in values["models"] or [{}]
            ]
        except ValidationError as error:
            problems += [_describe(details) for details in error.errors()]
        else:
            if not problems:
                return settings
        raise SettingsError(
            f"stack {pulumi.get_stack()}: "
            + "\n  ".join(["change these with `pulumi config set KEY VALUE`:", *problems])
        )


@cache
def defaults() -> Mapping[str, str]:
    """Return the defaults that `Pulumi.yaml` declares, each as the text that the engine passes on."""
    declared: dict[str, Any] = yaml.safe_load(PULUMI_YAML.read_text(encoding="utf-8"))["config"]
    return {
        key: default if isinstance(default, str) else json.dumps(default)
        for key, schema in declared.items()
        for default in [schema.get("default", "")]
    }


def _unknown(namespace: str, keys: list[str]) -> Iterable[str]:
    given = _keys_of(namespace)
    for key in sorted(set(given) - set(keys)):
        close = difflib.get_close_matches(key, keys, n=2)
        yield f"{key}: unknown; " + (f"did you mean {' or '.join(close)}?" if close else "see Pulumi.yaml")


def _misplaced(keys: list[str]) -> Iterable[str]:
    """Find settings that are set in the namespace of a project of another name, where nothing reads them."""
    project = pulumi.get_project()
    if project == NAMESPACE:
        return
    given = _keys_of(project)
    for key in sorted(set(given) & set(keys)):
        # The engine itself puts the defaults of a copied Pulumi.yaml into the project's namespace.
        if given[key] != defaults().get(key, ""):
            yield f"{project}:{key}: is not read; set it with `pulumi config set {NAMESPACE}:{key} VALUE`"


def _keys_of(namespace: str) -> dict[str, str]:
    prefix = f"{namespace}:"
    return {
        key.removeprefix(prefix): value
        for key, value in PULUMI_CONFIG.get().items()
        if key.startswith(prefix)
    }


def _describe(error: ErrorDetails) -> str:
    message = error["msg"]
    if error["type"] != ERROR_TYPE:
        message = message[0].lower() + message[1:]
    given = "" if error["input"] is None else error["input"]
    if isinstance(given, str):
        given = USER_INFO.sub("//…@", given)
    return f"{error['loc'][0]}: {given!r}: {message}"
