"""The settings of a stack, parsed into a frozen dataclass.

`Pulumi.yaml` holds the keys, descriptions and defaults. The classes in this folder say which values are
allowed. A group of settings is one key with an object or a list: its class also holds the defaults and
descriptions of the settings within it.
"""

from functools import cache
from pathlib import Path

import yaml
from pydantic import ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.access import Access
from infra.settings.alerts import Alerts
from infra.settings.cluster import ClusterSettings
from infra.settings.image import ImageSettings
from infra.settings.monitoring import MonitoringSettings
from infra.settings.placement import Placement
from infra.settings.pod import PodSettings
from infra.settings.problems import NAMESPACE
from infra.settings.reading import Declared, SettingsError, read
from infra.settings.scaling import ScalingSettings
from infra.settings.values import CONFIG, invalid

__all__ = ["NAMESPACE", "PULUMI_YAML", "Settings", "SettingsError", "declared"]

PULUMI_YAML = Path(__file__).parents[2] / "Pulumi.yaml"


# A rule of one class may look at the classes to its right, which are parsed first; a rule of a group at all.
@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Settings(ScalingSettings, MonitoringSettings, PodSettings, ImageSettings, ClusterSettings):
    """The settings of a stack. `Pulumi.yaml` describes each field, under its name in camel case."""

    pod: Placement
    access: Access
    alerts: Alerts

    @field_validator("alerts")
    @classmethod
    def _are_of_a_watched_service(cls, value: Alerts, info: ValidationInfo) -> Alerts:
        if value.has_receivers and info.data.get("monitoring") == "none":
            raise invalid("without receivers, for monitoring is none: no alert is ever raised")
        return value

    @classmethod
    def load(cls) -> "Settings":
        """Parse the configuration of the current stack.

        Raises:
            SettingsError: A value is not allowed, a key is unknown, or a secret is in plain text.

        """
        return read(cls, declared())


@cache
def declared() -> Declared:
    """Return the keys that `Pulumi.yaml` declares."""
    return yaml.safe_load(PULUMI_YAML.read_text(encoding="utf-8"))["config"]
