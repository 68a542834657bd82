"""The stack's settings, parsed once into a frozen dataclass.

Keys, descriptions and defaults stand in `Pulumi.yaml`; this module says what is allowed.
"""

import difflib
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret
from pydantic import (
    AnyHttpUrl,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails, PydanticCustomError

from infra.registry import Credentials, Registry

DRAIN_MARGIN_SECONDS = 3
"""Left between the end of the drain and the kubelet's kill, for the interpreter to exit."""

NODE_PORTS = range(30000, 32768)
"""The API server's default --service-node-port-range."""


_OURS = "setting"
"""Type of the errors whose words are ours; pydantic's start with a capital."""


class SettingsError(pulumi.RunError):
    """Everything that is wrong with the settings, a line each: the key, the value, what is allowed."""


def _quantity(units: dict[str, Decimal]) -> Callable[[str], Decimal]:
    pattern = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(units)})")

    def parse(text: str) -> Decimal:
        match = pattern.fullmatch(text)
        if match is None or Decimal(match[1]) == 0:
            allowed = ", ".join(unit for unit in units if unit)
            raise _wrong(f"a positive number, alone or with one of the units {allowed}")
        return Decimal(match[1]) * units[match[2]]

    return parse


def _wrong(allowed: str) -> PydanticCustomError:
    return PydanticCustomError(_OURS, "{allowed}", {"allowed": allowed})


cores = _quantity({"": Decimal(1), "m": Decimal("0.001")})
"""Cores in a Kubernetes CPU quantity: `250m` is 0.25."""

mebibytes = _quantity(
    {
        "": Decimal(1) / 2**20,
        **{f"{unit}i": Decimal(1024) ** (power - 2) for power, unit in enumerate("KMGT", start=1)},
        **{unit: Decimal(1000) ** power / 2**20 for power, unit in enumerate("kMGT", start=1)},
    }
)
"""Mebibytes in a Kubernetes memory quantity: `1Gi` is 1024."""


def _unset(value: str) -> str | None:
    return value or None


def _registry(prefix: str) -> Registry:
    try:
        return Registry.parse(prefix)
    except ValueError as error:
        raise _wrong(str(error)) from None


DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Path_ = Annotated[Path | None, BeforeValidator(_unset)]
Text = Annotated[str | None, BeforeValidator(_unset)]
Seconds = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(alias_generator=to_camel, extra="forbid"))
class Settings:
    """What a stack is. `Pulumi.yaml` describes the fields, under their names in camel case."""

    cluster: Literal["local", "kubeconfig"]
    kubeconfig: Path_
    kube_context: Text
    namespace: DnsLabel
    model: DnsLabel
    model_version: Annotated[str, Field(pattern=r"^\w+$")]
    model_directory: Path
    runtime: Literal["onnx", "torchscript", "savedmodel"]
    registry: Annotated[Registry, BeforeValidator(_registry)]
    registry_username: Text
    registry_password: Annotated[pulumi.Output[str], InstanceOf] | None
    pull_secret: bool
    retain_image: bool
    builder: Text
    platform: Literal["linux/amd64", "linux/arm64"]
    build_image: Text
    runtime_image: Text
    min_replicas: Annotated[int, Field(ge=1)]
    max_replicas: int
    target_cpu_utilization: Annotated[int, Field(ge=1, le=100)]
    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"]
    node_port: int
    batch_size: Annotated[int, Field(ge=1)]
    queue_size: Annotated[int, Field(ge=1)]
    request_timeout_seconds: Annotated[int, Field(ge=1)]
    max_body_bytes: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=0)]
    otlp_endpoint: Annotated[AnyHttpUrl | None, BeforeValidator(_unset)]
    log_level: Literal["debug", "info", "warning", "error"]
    drain_delay_seconds: Seconds
    drain_timeout_seconds: Seconds
    termination_grace_period_seconds: Seconds

    @property
    def credentials(self) -> Credentials | None:
        """Who pushes, and pulls with a pull secret; None leaves it to this machine's docker login."""
        if self.registry_username is None or self.registry_password is None:
            return None
        return Credentials(
            registry=self.registry, username=self.registry_username, password=self.registry_password
        )

    @field_validator("pull_secret")
    @classmethod
    def _has_credentials(cls, value: bool, info: ValidationInfo) -> bool:
        if value and None in (info.data.get("registry_username"), info.data.get("registry_password")):
            raise _wrong("true only with registryUsername and registryPassword")
        return value

    @field_validator("max_replicas")
    @classmethod
    def _not_below_min_replicas(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("min_replicas", value):
            raise _wrong(f"at least minReplicas, {info.data['min_replicas']}")
        return value

    @field_validator("cpu_request", "cpu_limit", "memory_request", "memory_limit")
    @classmethod
    def _quantity_not_below_request(cls, value: str, info: ValidationInfo) -> str:
        resource, _, bound = str(info.field_name).partition("_")
        amount = {"cpu": cores, "memory": mebibytes}[resource]
        request = info.data.get(f"{resource}_request") if bound == "limit" else None
        if amount(value) < (amount(request) if request else 0):
            raise _wrong(f"at least {resource}Request, {request}")
        return value

    @field_validator("node_port")
    @classmethod
    def _of_a_node_port_service(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("service_type", "NodePort") != "NodePort":
            raise _wrong("0, unless serviceType is NodePort")
        if value and value not in NODE_PORTS:
            raise _wrong(f"0, or from {NODE_PORTS.start} to {NODE_PORTS.stop - 1}")
        return value

    @field_validator("drain_timeout_seconds")
    @classmethod
    def _not_below_the_request_timeout(cls, value: int, info: ValidationInfo) -> int:
        if value < (longest := info.data.get("request_timeout_seconds", 0)):
            raise _wrong(f"at least requestTimeoutSeconds, {longest}: requests in flight would be cut off")
        return value

    @field_validator("termination_grace_period_seconds")
    @classmethod
    def _longer_than_the_drain(cls, value: int, info: ValidationInfo) -> int:
        drain = info.data.get("drain_delay_seconds", 0) + info.data.get("drain_timeout_seconds", 0)
        if value < drain + DRAIN_MARGIN_SECONDS:
            raise _wrong(
                f"at least drainDelaySeconds + drainTimeoutSeconds + {DRAIN_MARGIN_SECONDS}, "
                f"{drain + DRAIN_MARGIN_SECONDS}: the kubelet would kill the pod before it has drained"
            )
        return value

    @classmethod
    def load(cls) -> "Settings":
        """Parse the configuration of the current stack.

        Raises:
            SettingsError: a value is not allowed, a key is unknown, or the password is in plain text.

        """
        config = pulumi.Config()
        keys = [to_camel(name) for name in cls.__dataclass_fields__]
        values: dict[str, Any] = {key: config.get(key) or "" for key in keys}
        values["namespace"] = values["namespace"] or f"{pulumi.get_project()}-{pulumi.get_stack()}"
        password = values.pop("registryPassword")
        values["registryPassword"] = config.get_secret("registryPassword") if password else None
        problems = _unknown(config, keys)
        if password and not is_config_secret(config.full_key("registryPassword")):
            command = "pulumi config set --secret registryPassword"
            problems.append(f"registryPassword: is in plain text; set it again with `{command}`")
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
    if error["type"] != _OURS:
        message = message[0].lower() + message[1:]
    return f"{error['loc'][0]}: {error['input']!r}: {message}"
