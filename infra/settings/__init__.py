"""The settings of a stack, parsed into a frozen dataclass.

`Pulumi.yaml` holds the keys, descriptions and defaults. The classes in this folder say which values are
allowed. A group of settings is one key with an object or a list: its class also holds the defaults and
descriptions of the settings within it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.access import Access
from infra.settings.alerts import Alerts
from infra.settings.cloud import NewCluster, fits_the_cloud
from infra.settings.cluster import ClusterSettings
from infra.settings.exposure import Exposure, fits_the_cluster
from infra.settings.image import ImageSettings
from infra.settings.model_source import ModelSource
from infra.settings.models import misfits, per_model
from infra.settings.monitoring import MonitoringSettings
from infra.settings.placement import Placement
from infra.settings.pod import PodSettings
from infra.settings.problems import NAMESPACE
from infra.settings.reading import Declared, SettingsError, read_each
from infra.settings.scaling import ScalingSettings
from infra.settings.values import CONFIG, invalid

__all__ = ["NAMESPACE", "ONLY_MODEL", "PULUMI_YAML", "Settings", "SettingsError", "declared"]

PULUMI_YAML = Path(__file__).parents[2] / "Pulumi.yaml"


ONLY_MODEL = "model"
"""Name of the Service, and of the Pulumi components, of the model of a stack without a list of models."""


# A rule of one class may look at the classes to its right, which are parsed first. Groups are parsed last.
@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Settings(ScalingSettings, MonitoringSettings, PodSettings, ImageSettings, ClusterSettings):
    """The settings of a stack, for one of its models. `Pulumi.yaml` describes each field, in camel case."""

    cloud: Annotated[NewCluster, AfterValidator(fits_the_cloud)]
    models: tuple[Mapping[str, Any], ...]
    exposure: Annotated[Exposure, AfterValidator(fits_the_cluster)]
    pod: Placement
    model_source: ModelSource
    access: Access
    alerts: Alerts

    @field_validator("alerts")
    @classmethod
    def _are_of_a_watched_service(cls, value: Alerts, info: ValidationInfo) -> Alerts:
        if value.has_receivers and info.data.get("monitoring") == "none":
            raise invalid("without receivers, for monitoring is none: no alert is ever raised")
        return value

    @property
    def service(self) -> str:
        """Name of the model's Service, and of its Pulumi components."""
        return self.model if self.models else ONLY_MODEL

    @classmethod
    def load(cls) -> "list[Settings]":
        """Parse the configuration of the current stack, for each model that it serves.

        Raises:
            SettingsError: A value is not allowed, a key is unknown, or a secret is in plain text.

        """
        return read_each(cls, declared(), per_model, misfits)


@cache
def declared() -> Declared:
    """Return the keys that `Pulumi.yaml` declares."""
    return yaml.safe_load(PULUMI_YAML.read_text(encoding="utf-8"))["config"]
