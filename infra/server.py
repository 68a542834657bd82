"""The server's settings, as the environment variables that it reads."""

from dataclasses import dataclass
from typing import Literal

from infra.access import AccessArgs
from infra.settings import Settings

PREFIX = "SLIPWAY_"
HTTP_PORT = 8000
METRICS_PORT = 8001
METRICS_PATH = "/metrics"
MODEL_PATH = "/model"
"""Folder of the artifact in the image."""


@dataclass(frozen=True, kw_only=True)
class ServerArgs:
    """How the server serves. None leaves a setting to the server's own default, in `app/settings.py`."""

    runtime: str | None = None
    """A name in `infra.runtimes.RUNTIMES`."""

    batch_size: int | None = None
    """Maximum number of samples in a request and in a batch."""

    queue_size: int | None = None
    """Maximum number of waiting samples in a pod. Further requests are refused with 503."""

    request_timeout_seconds: int | None = None
    """Time after which a request is given up with 504."""

    max_body_bytes: int | None = None
    threads: int | None = None
    """Threads of the runtime. None follows the CPU limit."""

    log_level: Literal["debug", "info", "warning", "error"] | None = None
    drain_delay_seconds: int | None = None
    """Time for which a terminating pod still accepts requests."""

    drain_timeout_seconds: int | None = None
    """Time that requests in flight then have to finish."""

    otlp_endpoint: str | None = None
    """URL of an OpenTelemetry collector, with its port if it is not the scheme's. None sends no traces."""

    @classmethod
    def of(cls, settings: Settings) -> "ServerArgs":
        """Take from the settings what concerns the server."""
        return cls(
            runtime=settings.runtime,
            batch_size=settings.batch_size,
            queue_size=settings.queue_size,
            request_timeout_seconds=settings.request_timeout_seconds,
            max_body_bytes=settings.max_body_bytes,
            threads=settings.threads or None,
            log_level=settings.log_level,
            drain_delay_seconds=settings.drain_delay_seconds,
            drain_timeout_seconds=settings.drain_timeout_seconds,
            otlp_endpoint=str(settings.otlp_endpoint) if settings.otlp_endpoint else None,
        )

    def environment(self, device: Literal["cpu", "gpu"], access: AccessArgs) -> dict[str, str]:
        """Return the environment variables of the server."""
        values: dict[str, object] = {
            "MODEL_PATH": MODEL_PATH,
            "RUNTIME": self.runtime,
            "DEVICE": device,
            "BATCH_SIZE": self.batch_size,
            "QUEUE_SIZE": self.queue_size,
            "REQUEST_TIMEOUT_SECONDS": self.request_timeout_seconds,
            "MAX_BODY_BYTES": self.max_body_bytes,
            "THREADS": self.threads,
            "LOG_LEVEL": self.log_level,
            "PORT": HTTP_PORT,
            "METRICS_PORT": METRICS_PORT,
            "DRAIN_DELAY_SECONDS": self.drain_delay_seconds,
            "DRAIN_TIMEOUT_SECONDS": self.drain_timeout_seconds,
            **access.environment(),
        }
        variables = {f"{PREFIX}{name}": str(value) for name, value in values.items() if value is not None}
        if self.otlp_endpoint:
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = self.otlp_endpoint
        return variables
