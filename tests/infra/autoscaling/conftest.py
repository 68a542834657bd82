"""The autoscaler of a stack, and the number of pods that it wants."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.autoscaling import adapter_rules
from ops.program import Run
from tests.conftest import SettingsOf
from tests.infra.autoscaling.horizontal_pod_autoscaler import Seen, by_adapter, by_keda
from tests.infra.conftest import EXISTING

Program = Callable[..., Run]
Autoscaler = Callable[..., dict[str, Any]]
Wanted = Callable[..., int]

METRICS = ("queue-depth", "in-flight", "latency")
BACKENDS = ("prometheus-adapter", "keda")
KINDS = ("HorizontalPodAutoscaler", "ScaledObject")


def by(backend: str, signal: str = "queue-depth", target: str = "4", **config: str) -> dict[str, str]:
    """Return settings in which a backend follows a signal."""
    return {
        **EXISTING,
        "autoscalingBackend": backend,
        "autoscalingSignal": signal,
        "autoscalingTarget": target,
        **config,
    }


EACH_BACKEND = [by("hpa-cpu", "cpu", ""), *map(by, BACKENDS)]
FROM_ZERO = {"minReplicas": "0", "autoscalingWakeQuery": "sum(ingress_requests)"}


def autoscaler_of(declared: Run) -> dict[str, Any]:
    """Return the only object that scales."""
    (found,) = [manifest for manifest in declared.objects() if manifest["kind"] in KINDS]
    return found


def see(replicas: int, ready: int | None = None, cpu: int | None = 1) -> Seen:
    """Return the state of a service; by default all pods are ready and idle."""
    return Seen(replicas=replicas, ready=replicas if ready is None else ready, cpu=cpu)


@pytest.fixture
def autoscaler(program: Program) -> Autoscaler:
    return lambda **config: autoscaler_of(program(**config))


@pytest.fixture
def wanted_by(autoscaler: Autoscaler, settings_of: SettingsOf) -> Callable[..., Wanted]:
    """Return a function that gives the number of pods that a stack's autoscaler wants.

    Each backend gets the measured value only if it runs the query of prometheus-adapter's rule.
    """

    def of(**config: str) -> Wanted:
        spec = autoscaler(**config)["spec"]
        (rule,) = adapter_rules([settings_of(**{**config, "autoscalingBackend": "prometheus-adapter"})])

        def wanted(measured: float | None, **seen: Any) -> int:
            answers = {rule["metricsQuery"]: measured}
            if config["autoscalingBackend"] == "keda":
                return by_keda(spec, answers, see(**seen))
            return by_adapter(spec, dict(rule), answers, see(**seen))

        return wanted

    return of
