"""Settings of how many pods there are, and by which signal."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import GROUP, OptionalText, unset, wrong

Signal = Literal["cpu", "queue-depth", "in-flight", "latency"]
Backend = Literal["hpa-cpu", "prometheus-adapter", "keda"]

Thousandths = Annotated[float, Field(ge=0.001, allow_inf_nan=False)]
"""What Kubernetes counts a metric in."""


@dataclass(frozen=True, kw_only=True, config=GROUP)
class ScalingSettings:
    """One signal, the backend that follows it, and the bounds."""

    autoscaling_signal: Signal
    autoscaling_backend: Backend
    autoscaling_target: Annotated[Thousandths | None, BeforeValidator(unset)]
    autoscaling_wake_query: OptionalText
    target_cpu_utilization: Annotated[int, Field(ge=1, le=100)]
    scale_down_stabilization_seconds: Annotated[int, Field(ge=0, le=3600)]
    min_replicas: Annotated[int, Field(ge=0)]
    max_replicas: Annotated[int, Field(ge=1)]

    @field_validator("autoscaling_signal")
    @classmethod
    def _is_measured(cls, value: Signal, info: ValidationInfo) -> Signal:
        if value != "cpu" and info.data.get("monitoring") == "none":
            raise wrong("cpu, for monitoring is none: Prometheus measures the others")
        return value

    @field_validator("autoscaling_backend")
    @classmethod
    def _follows_the_signal(cls, value: Backend, info: ValidationInfo) -> Backend:
        signal = info.data.get("autoscaling_signal")
        allowed = ("hpa-cpu", "keda") if signal == "cpu" else ("prometheus-adapter", "keda")
        if signal and value not in allowed:
            raise wrong(f"{allowed[0]} or {allowed[1]}, for autoscalingSignal is {signal}")
        if value == "keda" and signal != "cpu" and _is_unreachable(info):
            raise wrong("keda only with prometheusUrl, for monitoring is existing: it asks Prometheus itself")
        return value

    @field_validator("autoscaling_target")
    @classmethod
    def _in_the_unit_of_the_signal(cls, value: float | None, info: ValidationInfo) -> float | None:
        signal = info.data.get("autoscaling_signal")
        if signal == "cpu" and value is not None:
            raise wrong("empty, for autoscalingSignal is cpu, whose target is targetCpuUtilization")
        if signal not in (None, "cpu") and value is None:
            unit = {
                "queue-depth": "samples that wait, per pod",
                "in-flight": "requests, per pod",
                "latency": "seconds, of the 95th percentile",
            }[signal]
            raise wrong(f"a positive number, {unit}")
        return value

    @field_validator("autoscaling_wake_query")
    @classmethod
    def _of_keda(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("autoscaling_backend", "keda") != "keda":
            raise wrong("empty, unless autoscalingBackend is keda")
        if value and info.data.get("monitoring") == "none":
            raise wrong("empty, for monitoring is none: Prometheus is what is asked")
        if value and _is_unreachable(info):
            raise wrong("empty, for there is no prometheusUrl, and Prometheus is what is asked")
        return value

    @field_validator("min_replicas")
    @classmethod
    def _can_wake(cls, value: int, info: ValidationInfo) -> int:
        if value == 0 and info.data.get("autoscaling_wake_query", "") is None:
            raise wrong(
                "at least 1, unless autoscalingBackend is keda and autoscalingWakeQuery says when to wake: "
                "a pod that is not there measures nothing"
            )
        if value > 0 and info.data.get("autoscaling_wake_query"):
            raise wrong("0, for autoscalingWakeQuery says when to wake")
        return value

    @field_validator("max_replicas")
    @classmethod
    def _not_below_min_replicas(cls, value: int, info: ValidationInfo) -> int:
        if value < (least := info.data.get("min_replicas", value)):
            raise wrong(f"at least minReplicas, {least}")
        return value


def _is_unreachable(info: ValidationInfo) -> bool:
    """Tell whether nothing says where Prometheus is asked."""
    return info.data.get("monitoring") == "existing" and info.data.get("prometheus_url", "") is None
