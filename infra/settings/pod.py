"""Settings of the pods, and of the server in them."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import CONFIG, OptionalUrl, Seconds, cores, invalid, mebibytes

DRAIN_MARGIN_SECONDS = 3
"""Time that the interpreter has to exit, between the end of the drain and the kubelet's kill."""

MIN_GPU_MEMORY = "2Gi"
"""Least memory of a pod with a GPU. CUDA's libraries take 1 to 2 GiB of it before any model is loaded:
https://github.com/microsoft/onnxruntime/issues/5801, https://github.com/pytorch/pytorch/issues/12873."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PodSettings:
    """A pod's resources, server settings and shutdown."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    batch_size: Annotated[int, Field(ge=1)]
    queue_size: Annotated[int, Field(ge=1)]
    request_timeout_seconds: Annotated[int, Field(ge=1)]
    max_body_bytes: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=0)]
    otlp_endpoint: OptionalUrl
    log_level: Literal["debug", "info", "warning", "error"]
    drain_delay_seconds: Seconds
    drain_timeout_seconds: Seconds
    termination_grace_period_seconds: Seconds

    @field_validator("cpu_request", "cpu_limit", "memory_request", "memory_limit")
    @classmethod
    def _quantity_not_below_request(cls, value: str, info: ValidationInfo) -> str:
        resource, _, bound = str(info.field_name).partition("_")
        amount = {"cpu": cores, "memory": mebibytes}[resource]
        request = info.data.get(f"{resource}_request") if bound == "limit" else None
        if amount(value) < (amount(request) if request else 0):
            raise invalid(f"at least {resource}Request, {request}")
        return value

    @field_validator("memory_limit")
    @classmethod
    def _holds_cuda(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("device") == "gpu" and mebibytes(value) < mebibytes(MIN_GPU_MEMORY):
            raise invalid(f"at least {MIN_GPU_MEMORY}, for device is gpu: CUDA's libraries take 1 to 2 GiB")
        return value

    @field_validator("drain_timeout_seconds")
    @classmethod
    def _not_below_the_request_timeout(cls, value: int, info: ValidationInfo) -> int:
        if value < (timeout := info.data.get("request_timeout_seconds", 0)):
            raise invalid(f"at least requestTimeoutSeconds, {timeout}: requests in flight would be cut off")
        return value

    @field_validator("termination_grace_period_seconds")
    @classmethod
    def _longer_than_the_drain(cls, value: int, info: ValidationInfo) -> int:
        drain = info.data.get("drain_delay_seconds", 0) + info.data.get("drain_timeout_seconds", 0)
        if value < drain + DRAIN_MARGIN_SECONDS:
            raise invalid(
                f"at least drainDelaySeconds + drainTimeoutSeconds + {DRAIN_MARGIN_SECONDS}, "
                f"{drain + DRAIN_MARGIN_SECONDS}: the kubelet would kill the pod before it has drained"
            )
        return value
