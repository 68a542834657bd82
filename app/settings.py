"""The server's settings, read once from the environment; `SLIPWAY_BATCH_SIZE` sets `batch_size`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.cpu import cpu_limit
from app.memory import memory
from app.runtimes import RuntimeName

PREFIX = "SLIPWAY_"

RECEIVED_SHARE = 8
"""The part of the memory that bodies may take as they came: an eighth."""

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """Everything that is wrong with the environment, a line each: the variable, its value, the rule."""


class Settings(BaseSettings):
    """What the server serves, and how much of the machine it takes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    model_path: Annotated[Path, Field(description="an artifact folder, or one of NAME/VERSION")] = Path(
        "/model"
    )
    runtime: Annotated[RuntimeName, Field(description="what runs the model")] = "onnx"
    device: Annotated[
        Literal["auto", "cpu", "gpu"], Field(description="what computes; auto is a GPU where there is one")
    ] = "auto"
    batch_size: Annotated[int, Field(ge=1, description="most samples that the model is given at once")] = 32
    batch_seconds: Annotated[float, Field(gt=0, description="how long a batch should take at most")] = 0.1
    queue_size: Annotated[int, Field(ge=1, description="samples that may wait; beyond, 503")] = 256
    request_timeout_seconds: Annotated[
        float, Field(gt=0, description="when a request without a deadline of its own is given up, 504")
    ] = 10
    model_timeout_seconds: Annotated[
        float, Field(gt=0, description="when the model counts as stuck, and the process ends")
    ] = 60
    otlp_endpoint: Annotated[
        str | None,
        Field(description="of a collector; none, no traces", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT"),
    ] = None
    reload_seconds: Annotated[
        Seconds, Field(description="how often the artifact folder is looked at for changes; 0 never")
    ] = 0
    threads: Annotated[
        int,
        Field(
            ge=1, description="predictions computed at once, each by one thread", default_factory=cpu_limit
        ),
    ]
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Field(description="least to log")] = (
        "info"
    )
    host: Annotated[str, Field(description="address to listen on")] = "0.0.0.0"  # noqa: S104 - a pod's own
    port: Annotated[Port, Field(description="of predictions and health")] = 8000
    metrics_port: Annotated[Port, Field(description="of Prometheus metrics")] = 8001
    max_body_bytes: Annotated[int, Field(ge=1, description="largest request body")] = 8 * 2**20
    max_received_bytes: Annotated[
        int,
        Field(
            ge=1,
            description="of all requests that are not answered yet; beyond, 503",
            default_factory=lambda: memory() // RECEIVED_SHARE,
        ),
    ]
    max_connections: Annotated[
        int, Field(ge=1, description="beyond, the longest idle is closed, or the new one gets 503")
    ] = 1024
    head_timeout_seconds: Annotated[
        float, Field(gt=0, description="how long the head of a request may take to arrive, else 408")
    ] = 10
    body_timeout_seconds: Annotated[
        float, Field(gt=0, description="how long its body may take, or its answer to be read")
    ] = 30
    keep_alive_seconds: Annotated[
        float, Field(gt=0, description="how long a connection may be idle; more than a load balancer's 60")
    ] = 75
    drain_delay_seconds: Annotated[
        Seconds, Field(description="after SIGTERM, how long requests are accepted while not ready")
    ] = 0
    drain_timeout_seconds: Annotated[
        Seconds, Field(description="how long requests in flight may then take")
    ] = 10

    @classmethod
    def load(cls) -> Self:
        """Read the environment.

        Raises:
            SettingsError: a value is not allowed.

        """
        try:
            return cls()  # pyright: ignore[reportCallIssue] - the environment gives the arguments
        except ValidationError as error:
            lines = [
                f"{PREFIX}{str(one['loc'][0]).upper()}={one['input']}: {one['msg']}" for one in error.errors()
            ]
            raise SettingsError("\n".join(lines)) from None
