"""Settings of autoscaling."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.clouds import CLOUDS
from infra.settings.values import CONFIG, OptionalText, empty_to_none, invalid

Signal = Literal["cpu", "queue-depth", "in-flight", "latency"]
Backend = Literal["hpa-cpu", "prometheus-adapter", "keda"]

Target = Annotated[float, Field(ge=0.001, allow_inf_nan=False)]
"""A target of a metric. Kubernetes counts metrics in thousandths."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class ScalingSettings:
    """The signal that the number of pods follows, the backend that reads it, and the bounds."""

    autoscaling_signal: Signal
    autoscaling_backend: Backend
    autoscaling_target: Annotated[Target | None, BeforeValidator(empty_to_none)]
    autoscaling_wake_query: OptionalText
    target_cpu_utilization: Annotated[int, Field(ge=1, le=100)]
    scale_down_stabilization_seconds: Annotated[int, Field(ge=0, le=3600)]
    min_replicas: Annotated[int, Field(ge=0)]
    max_replicas: Annotated[int, Field(ge=1)]

    @field_validator("autoscaling_signal")
    @classmethod
    def _is_measured(cls, value: Signal, info: ValidationInfo) -> Signal:
        if value != "cpu" and info.data.get("monitoring") == "none":
            raise invalid("cpu, for monitoring is none: the other signals come from Prometheus")
        return value

    @field_validator("autoscaling_backend")
    @classmethod
    def _follows_the_signal(cls, value: Backend, info: ValidationInfo) -> Backend:
        signal = info.data.get("autoscaling_signal")
        allowed = ("hpa-cpu", "keda") if signal == "cpu" else ("prometheus-adapter", "keda")
        if signal and value not in allowed:
            raise invalid(f"{allowed[0]} or {allowed[1]}, for autoscalingSignal is {signal}")
        if value == "keda" and signal != "cpu" and _is_unreachable(info):
            raise invalid(
                "keda only with prometheusUrl, for monitoring is existing: KEDA queries Prometheus itself"
            )
        return value

    @field_validator("autoscaling_target")
    @classmethod
    def _in_the_unit_of_the_signal(cls, value: float | None, info: ValidationInfo) -> float | None:
        signal = info.data.get("autoscaling_signal")
        if signal == "cpu" and value is not None:
            raise invalid("empty, for autoscalingSignal is cpu, whose target is targetCpuUtilization")
        if signal not in (None, "cpu") and value is None:
            unit = {
                "queue-depth": "samples that wait, per pod",
                "in-flight": "requests, per pod",
                "latency": "seconds, of the 95th percentile",
            }[signal]
            raise invalid(f"a positive number, {unit}")
        return value

    @field_validator("autoscaling_wake_query")
    @classmethod
    def _is_asked_by_keda(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("autoscaling_backend", "keda") != "keda":
            raise invalid("empty, unless autoscalingBackend is keda")
        if value and info.data.get("monitoring") == "none":
            raise invalid("empty, for monitoring is none: the query goes to Prometheus")
        if value and _is_unreachable(info):
            raise invalid("empty, for prometheusUrl is empty: the query goes to Prometheus")
        return value

    @field_validator("min_replicas")
    @classmethod
    def _can_wake(cls, value: int, info: ValidationInfo) -> int:
        if value == 0 and info.data.get("autoscaling_wake_query", "") is None:
            raise invalid(
                "at least 1, unless autoscalingBackend is keda and autoscalingWakeQuery says when to wake: "
                "without a pod nothing is measured"
            )
        if value > 0 and info.data.get("autoscaling_wake_query"):
            raise invalid("0, for autoscalingWakeQuery is set")
        return value

    @field_validator("max_replicas")
    @classmethod
    def _not_below_min_replicas(cls, value: int, info: ValidationInfo) -> int:
        if value < (minimum := info.data.get("min_replicas", value)):
            raise invalid(f"at least minReplicas, {minimum}")
        return value

    @field_validator("max_replicas")
    @classmethod
    def _find_a_gpu_each(cls, value: int, info: ValidationInfo) -> int:
        nodes = info.data.get("gpu_max_nodes", value)
        data = info.data
        if value > nodes and has_one_gpu_a_node(
            data.get("cluster", ""), data.get("device"), data.get("gpu_machine_type", "")
        ):
            raise invalid(
                f"at most gpuMaxNodes, {nodes}, for device is gpu: each pod takes a GPU of its own and each "
                f"node has one, so {value} pods need {value} nodes"
            )
        return value

    @field_validator("max_replicas")
    @classmethod
    def _follows_a_signal_of_the_gpu(cls, value: int, info: ValidationInfo) -> int:
        minimum = info.data.get("min_replicas", value)
        is_by_cpu = info.data.get("device") == "gpu" and info.data.get("autoscaling_signal") == "cpu"
        if is_by_cpu and value > minimum:
            raise invalid(
                f"minReplicas, {minimum}, for device is gpu and autoscalingSignal is cpu: a pod with a GPU "
                "uses little CPU whatever its load; or set autoscalingSignal to another signal"
            )
        return value


def _is_unreachable(info: ValidationInfo) -> bool:
    """Return whether the address of Prometheus is unknown."""
    return info.data.get("monitoring") == "existing" and info.data.get("prometheus_url", "") is None


def has_one_gpu_a_node(cluster: str, device: str | None, machine_type: str | None) -> bool:
    """Return whether GPU nodes are created here, with one GPU each. A machine type of None is the default."""
    cloud = CLOUDS.get(cluster)
    if device != "gpu" or cloud is None or cloud.gpu is None:
        return False
    # Where the machine type decides, only the default one is known to have a single GPU.
    return cloud.gpu.accelerators is not None or machine_type is None
