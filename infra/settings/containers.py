"""Additional containers of a pod."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.environment import PlainVariables, SecretEntry, SecretVariables
from infra.settings.values import CONFIG, DnsLabel, Quantity, ScalarText, invalid
from infra.settings.volumes import Mount

SERVER = "server"
"""Name of the container that serves the model."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Resources:
    """Resources of a container."""

    requests: Mapping[str, Quantity]
    """What it is guaranteed: cpu and memory, and perhaps ephemeral-storage."""

    limits: Mapping[str, Quantity] = field(default_factory=dict[str, str])
    """What it may use at most."""

    @field_validator("requests")
    @classmethod
    def _are_known_to_the_autoscaler(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if not {"cpu", "memory"} <= value.keys():
            raise invalid("with cpu and memory: without cpu, the autoscaler cannot tell the use of a pod")
        return value


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Container:
    """A container beside the server.

    pydantic does not read the text below an inherited field, so the descriptions are annotations.
    """

    name: Annotated[
        DnsLabel,
        Field(description="Name of the container."),
    ]

    image: Annotated[
        str,
        Field(min_length=1, description="Reference of its image, best with the digest."),
    ]

    command: Annotated[
        tuple[ScalarText, ...],
        Field(description="Program and arguments. Empty, they are those of the image."),
    ] = ()

    args: Annotated[
        tuple[ScalarText, ...],
        Field(description="Arguments of the program. Empty, they are those of the image."),
    ] = ()

    environment: Annotated[
        PlainVariables,
        Field(description="Environment variables."),
    ] = field(default_factory=dict[str, str])

    environment_from_secrets: Annotated[
        SecretVariables,
        Field(description="Environment variables from Secrets."),
    ] = field(default_factory=dict[str, SecretEntry])

    ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        Field(
            description="Ports that it listens at. Other pods do not reach them: a NetworkPolicy allows "
            "those of the server only."
        ),
    ] = ()

    volume_mounts: Annotated[
        tuple[Mount, ...],
        Field(description="Volumes of `pod.volumes` that it sees."),
    ] = ()

    resources: Annotated[
        Resources,
        Field(description="What it is guaranteed, and may use at most."),
    ]

    security_context: Annotated[
        Mapping[str, Any],
        Field(
            description="What it may do, as Kubernetes has it. What is not set here is as restricted as for "
            "the server: no privileges, and a root folder that it may only read."
        ),
    ] = field(default_factory=dict[str, Any])

    @field_validator("name")
    @classmethod
    def _is_not_the_server(cls, value: str) -> str:
        if value == SERVER:
            raise invalid(f"another name than {SERVER}, the container of the model")
        return value


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Sidecar(Container):
    """A container that runs as long as the server."""

    startup_probe: Mapping[str, Any] | None = None
    """Probe that tells that it has started, as Kubernetes has it."""

    readiness_probe: Mapping[str, Any] | None = None
    """Probe that tells that it is ready, as Kubernetes has it. A pod is ready if all its containers are."""

    liveness_probe: Mapping[str, Any] | None = None
    """Probe that tells that it is alive, as Kubernetes has it."""
