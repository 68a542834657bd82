"""The service level objectives (SLOs) of a model service."""

from dataclasses import dataclass

import pulumi

from infra.settings import Settings
from infra.settings.monitoring import LATENCY_BOUNDS


@dataclass(frozen=True, kw_only=True)
class ObjectivesArgs:
    """What a service promises over a sliding window."""

    availability_percent: float
    """Percent of the valid requests that must be answered without a fault of the service."""

    latency_seconds: float
    """Upper bound of a fast answer. One of the bounds of the server's latency histogram."""

    latency_percent: float
    """Percent of the answers that must be fast."""

    window_days: int
    """Length of the window. Prometheus must keep its samples as long."""

    def __post_init__(self) -> None:
        """Check the latency.

        Raises:
            pulumi.RunError: The histogram has no such bound, so nothing would be counted.

        """
        if self.latency_seconds not in LATENCY_BOUNDS:
            bounds = ", ".join(map(str, LATENCY_BOUNDS))
            raise pulumi.RunError(f"latency_seconds: {self.latency_seconds}: one of {bounds}")

    @classmethod
    def of(cls, settings: Settings) -> "ObjectivesArgs":
        """Take the objectives from the settings."""
        return cls(
            availability_percent=settings.slo_availability,
            latency_seconds=settings.slo_latency_seconds,
            latency_percent=settings.slo_latency_percent,
            window_days=settings.slo_window_days,
        )
