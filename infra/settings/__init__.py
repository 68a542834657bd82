"""The stack's settings, parsed once into a frozen dataclass.

Keys, descriptions and defaults stand in `Pulumi.yaml`; the groups here say what is allowed.
"""

import difflib
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from infra.settings.cluster import ClusterSettings
from infra.settings.image import ImageSettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.pod import PodSettings
from infra.settings.scaling import ScalingSettings
from infra.settings.values import GROUP, OURS

SECRETS = ("registryPassword", "grafanaAdminPassword")


class SettingsError(pulumi.RunError):
    """Everything that is wrong with the settings, a line each: the key, the value, what is allowed."""


# A rule of one group may look at the groups to its right, which are parsed before it.
@dataclass(frozen=True, kw_only=True, config=GROUP)
class Settings(ScalingSettings, MonitoringSettings, PodSettings, ImageSettings, ClusterSettings):
    """What a stack is. `Pulumi.yaml` describes the fields, under their names in camel case."""

    @classmethod
    def load(cls) -> "Settings":
        """Parse the configuration of the current stack.

        Raises:
            SettingsError: a value is not allowed, a key is unknown, or a secret is in plain text.

        """
        config = pulumi.Config()
        keys = [to_camel(name) for name in cls.__dataclass_fields__]
        values: dict[str, Any] = {key: config.get(key) or "" for key in keys}
        values["namespace"] = values["namespace"] or f"{pulumi.get_project()}-{pulumi.get_stack()}"
        problems = _unknown(config, keys)
        for key in SECRETS:
            if values[key] and not is_config_secret(config.full_key(key)):
                problems.append(
                    f"{key}: is in plain text; set it again with `pulumi config set --secret {key}`"
                )
            values[key] = config.get_secret(key) if values[key] else None
        try:
            settings = TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            problems += [_describe(one) for one in error.errors()]
        else:
            if not problems:
                return settings
        raise SettingsError(
            f"stack {pulumi.get_stack()}: "
            + "\n  ".join(["change these with `pulumi config set KEY VALUE`:", *problems])
        )


def _unknown(config: pulumi.Config, keys: list[str]) -> list[str]:
    given = (key.removeprefix(f"{config.name}:") for key in CONFIG.get() if key.startswith(f"{config.name}:"))
    return [
        f"{key}: unknown; did you mean {' or '.join(close)}?" if close else f"{key}: unknown; see Pulumi.yaml"
        for key in sorted(set(given) - set(keys))
        for close in [difflib.get_close_matches(key, keys, n=2)]
    ]


def _describe(error: ErrorDetails) -> str:
    message = error["msg"]
    if error["type"] != OURS:
        message = message[0].lower() + message[1:]
    given = "" if error["input"] is None else error["input"]
    return f"{error['loc'][0]}: {given!r}: {message}"
