"""Settings of monitoring, and the service level objectives (SLOs)."""

from collections.abc import Mapping
from typing import Annotated, Literal

import pulumi
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.clouds import CLOUDS
from infra.labels import INSTANCE, PART_OF
from infra.settings.values import (
    CONFIG,
    DnsLabel,
    OptionalSecret,
    OptionalText,
    OptionalUrl,
    invalid,
    is_of_kubernetes,
    labels,
    mebibytes,
)

LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds, in seconds, of the buckets of the server's `request_latency_seconds`."""

MIN_STORAGE_MEBIBYTES = 1024


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class MonitoringSettings:
    """Which Prometheus and Grafana are used, and what the service promises."""

    monitoring: Literal["none", "existing", "install"]
    monitoring_namespace: DnsLabel
    create_monitoring_namespace: bool
    monitoring_labels: Annotated[Mapping[str, str], BeforeValidator(labels)]
    prometheus_url: OptionalUrl
    prometheus_storage: OptionalText
    monitor_control_plane: bool
    grafana_admin_password: OptionalSecret
    slo_availability: Annotated[float, Field(ge=50, lt=100)]
    slo_latency_seconds: float
    slo_latency_percent: Annotated[float, Field(ge=50, lt=100)]
    slo_window_days: Annotated[int, Field(ge=7, le=90)]
    runbook_url: OptionalUrl

    @property
    def is_monitored(self) -> bool:
        """Whether a Prometheus operator watches the service."""
        return self.monitoring != "none"

    @field_validator("monitoring_namespace")
    @classmethod
    def _can_take_an_installed_prometheus(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("monitoring") != "install":
            return value
        if value == info.data.get("namespace"):
            raise invalid(
                "another one than namespace: that one does not allow what Prometheus needs of a node"
            )
        if is_of_kubernetes(value):
            raise invalid("another namespace than default and kube-*, which belong to the cluster itself")
        return value

    @field_validator("create_monitoring_namespace")
    @classmethod
    def _belongs_to_an_installation(cls, value: bool, info: ValidationInfo) -> bool:
        if not value and info.data.get("monitoring", "install") != "install":
            raise invalid("true, unless monitoring is install: otherwise no such namespace is created")
        return value

    @field_validator("monitoring_labels")
    @classmethod
    def _select_what_is_declared(cls, value: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        if value and info.data.get("monitoring") == "none":
            raise invalid("empty, for monitoring is none: there is no ServiceMonitor")
        if own := sorted({INSTANCE, *PART_OF} & value.keys()):
            raise invalid(f"labels without {own[0]}, by which Slipway finds its own objects")
        return value

    @field_validator("prometheus_storage")
    @classmethod
    def _belongs_to_an_installed_prometheus(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("monitoring", "install") != "install":
            raise invalid("empty, unless monitoring is install: an existing Prometheus has its own storage")
        if value is not None and mebibytes(value) < MIN_STORAGE_MEBIBYTES:
            raise invalid("at least 1Gi")
        return value

    @field_validator("monitor_control_plane")
    @classmethod
    def _is_reachable(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("monitoring", "install") != "install":
            raise invalid("false, unless monitoring is install: an existing Prometheus has its own targets")
        if value and info.data.get("cluster") in CLOUDS:
            raise invalid(f"false, for cluster is {info.data['cluster']}, which hides the control plane")
        return value

    @field_validator("grafana_admin_password")
    @classmethod
    def _is_set_for_an_installed_grafana(
        cls, value: pulumi.Output[str] | None, info: ValidationInfo
    ) -> pulumi.Output[str] | None:
        if value is None and info.data.get("monitoring") == "install":
            raise invalid(
                "a secret, for monitoring is install: `pulumi config set --secret grafanaAdminPassword`"
            )
        return value

    @field_validator("slo_latency_seconds")
    @classmethod
    def _is_a_bucket(cls, value: float) -> float:
        if value not in LATENCY_BOUNDS:
            raise invalid(f"one of {', '.join(map(str, LATENCY_BOUNDS))}: the bounds of the histogram")
        return value
