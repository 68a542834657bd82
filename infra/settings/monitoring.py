"""Settings of who watches the service, and of what it has promised."""

from typing import Annotated, Literal

import pulumi
from pydantic import AnyHttpUrl, BeforeValidator, Field, InstanceOf, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import GROUP, DnsLabel, OptionalText, mebibytes, unset, wrong

LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds, in seconds, of the buckets of the server's `request_latency_seconds`."""

LEAST_STORAGE_MEBIBYTES = 1024


@dataclass(frozen=True, kw_only=True, config=GROUP)
class MonitoringSettings:
    """Whose Prometheus and Grafana there are, and the service level objectives (SLOs)."""

    monitoring: Literal["none", "existing", "install"]
    monitoring_namespace: DnsLabel
    prometheus_url: Annotated[AnyHttpUrl | None, BeforeValidator(unset)]
    prometheus_storage: OptionalText
    grafana_admin_password: Annotated[pulumi.Output[str], InstanceOf] | None
    slo_availability: Annotated[float, Field(ge=50, lt=100)]
    slo_latency_seconds: float
    slo_latency_percent: Annotated[float, Field(ge=50, lt=100)]
    slo_window_days: Annotated[int, Field(ge=7, le=90)]
    runbook_url: Annotated[AnyHttpUrl | None, BeforeValidator(unset)]

    @field_validator("monitoring_namespace")
    @classmethod
    def _is_its_own(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("monitoring") == "install" and value == info.data.get("namespace"):
            raise wrong("another one than namespace: what Prometheus needs of a node is not allowed there")
        return value

    @field_validator("prometheus_storage")
    @classmethod
    def _of_our_prometheus(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("monitoring", "install") != "install":
            raise wrong("empty, unless monitoring is install: a Prometheus that exists has its own")
        if value is not None and mebibytes(value) < LEAST_STORAGE_MEBIBYTES:
            raise wrong("at least 1Gi")
        return value

    @field_validator("grafana_admin_password")
    @classmethod
    def _of_our_grafana(
        cls, value: pulumi.Output[str] | None, info: ValidationInfo
    ) -> pulumi.Output[str] | None:
        if value is None and info.data.get("monitoring") == "install":
            raise wrong(
                "a secret, for monitoring is install: `pulumi config set --secret grafanaAdminPassword`"
            )
        return value

    @field_validator("slo_latency_seconds")
    @classmethod
    def _is_counted(cls, value: float) -> float:
        if value not in LATENCY_BOUNDS:
            raise wrong(f"one of {', '.join(map(str, LATENCY_BOUNDS))}: what the histogram counts")
        return value
