"""The settings of the server, read once from the environment: `SLIPWAY_BATCH_SIZE` sets `batch_size`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.cpu import cpu_limit
from app.memory import memory
from app.runtimes import RuntimeName
from app.web import Origins, RootPath

PREFIX = "SLIPWAY_"

RECEIVED_SHARE = 8
"""Request bodies may take an eighth of the memory, before they are decoded."""

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """All errors in the environment, a line for each: the variable, its value and what is allowed."""


class Settings(BaseSettings):
    """What the server serves, and how much of the machine it uses."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    model_path: Annotated[
        Path,
        Field(description="Path of an artifact folder, or of a folder that holds artifacts at NAME/VERSION."),
    ] = Path("/model")
    runtime: Annotated[
        RuntimeName,
        Field(description="Runtime that computes the model. The artifact must contain its format."),
    ] = "onnx"
    device: Annotated[
        Literal["auto", "cpu", "gpu"],
        Field(
            description="Device that computes the model. auto is a GPU if there is one, otherwise the CPU."
        ),
    ] = "auto"
    batch_size: Annotated[
        int, Field(ge=1, description="Maximum number of samples in a request, and in a batch for the model.")
    ] = 32
    batch_seconds: Annotated[
        float,
        Field(gt=0, description="Time that computing a batch should take at most."),
    ] = 0.1
    queue_size: Annotated[
        int,
        Field(
            ge=1, description="Maximum number of samples that wait. Further requests are refused with 503."
        ),
    ] = 256
    request_timeout_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time after which a request is given up with 504. A request may ask for less.",
        ),
    ] = 10
    model_timeout_seconds: Annotated[
        float,
        Field(
            gt=0, description="Time after which a run of the model counts as stuck. Then the process ends."
        ),
    ] = 60
    otlp_endpoint: Annotated[
        str | None,
        Field(
            description="Address of the OpenTelemetry collector that gets traces. Not set, none are sent.",
            validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
    ] = None
    reload_seconds: Annotated[
        Seconds,
        Field(description="Time between two scans of the model path for new or removed models. 0 is never."),
    ] = 0
    threads: Annotated[
        int,
        Field(
            ge=1,
            description="Number of batches that are computed at the same time, each on one thread.",
            default_factory=cpu_limit,
        ),
    ]
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="Lowest level of the messages that are logged."),
    ] = "info"
    host: Annotated[str, Field(description="Address on which the server listens.")] = "0.0.0.0"  # noqa: S104 - the pod's own address
    port: Annotated[Port, Field(description="Port for predictions and health probes.")] = 8000
    metrics_port: Annotated[Port, Field(description="Port for the Prometheus metrics.")] = 8001
    max_body_bytes: Annotated[
        int,
        Field(
            ge=1,
            description="Maximum size of a request body, compressed or not. Larger ones get 413.",
        ),
    ] = 8 * 2**20
    max_received_bytes: Annotated[
        int,
        Field(
            ge=1,
            description="Maximum size of all requests together that are received and not answered yet. "
            "Further requests are refused with 503.",
            default_factory=lambda: memory() // RECEIVED_SHARE,
        ),
    ]
    max_connections: Annotated[
        int,
        Field(
            ge=1,
            description="Maximum number of connections. Beyond it, the one that is idle longest is closed. "
            "If none is idle, the new one gets 503.",
        ),
    ] = 1024
    head_timeout_seconds: Annotated[
        float,
        Field(
            gt=0, description="Time in which the head of a request must arrive. After it, the answer is 408."
        ),
    ] = 10
    body_timeout_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time in which the body of a request must arrive, and in which the client must read "
            "the answer.",
        ),
    ] = 30
    keep_alive_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Time after which an idle connection is closed. It should be longer than that of a "
            "load balancer, often 60.",
        ),
    ] = 75
    api_keys_path: Annotated[
        Path | None,
        Field(description="File of API keys, one a line. Requests must have one. Not set, they need none."),
    ] = None
    cors_origins: Annotated[
        Origins,
        Field(
            description="Origins whose web pages may call the server, with commas between them; `*` is all."
        ),
    ] = ()
    root_path: Annotated[
        RootPath,
        Field(
            description="Path under which a proxy serves the server, such as /models/digits. The proxy may "
            "remove it from requests or not."
        ),
    ] = ""
    drain_delay_seconds: Annotated[
        Seconds,
        Field(description="Time after SIGTERM in which the server is not ready but still accepts requests."),
    ] = 0
    drain_timeout_seconds: Annotated[
        Seconds,
        Field(description="Time after that delay in which accepted requests must be answered."),
    ] = 10

    @classmethod
    def load(cls) -> Self:
        """Read the settings from the environment.

        Raises:
            SettingsError: at least one value is not allowed.

        """
        try:
            return cls()  # pyright: ignore[reportCallIssue] - the environment gives the arguments
        except ValidationError as error:
            lines = [
                f"{PREFIX}{str(problem['loc'][0]).upper()}={problem['input']}: {problem['msg']}"
                for problem in error.errors()
            ]
            raise SettingsError("\n".join(lines)) from None
