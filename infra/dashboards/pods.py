"""Panels of the pods: their number, their load and their GPUs."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.common import LineInterpolation

from infra.dashboards.context import DashboardContext
from infra.dashboards.panels import ORANGE, RATE, RED, dashed, graph, query

LIMIT = "limit"


def replicas(context: DashboardContext) -> timeseries.Panel:
    """Return the number of pods that are wanted, and of those that are ready."""
    kubernetes = context.kubernetes
    panel = graph(
        "Replicas",
        "Pods that the autoscaler wants, and those that are ready. Between them lie scheduling, the pull of "
        "the image, and the warm-up of the model.",
        units.Short,
        [
            query(kubernetes.desired(), "wanted"),
            query(kubernetes.ready(), "ready"),
            query(kubernetes.bound("max"), "most"),
            query(kubernetes.bound("min"), "fewest"),
        ],
    )
    panel.decimals(0).line_interpolation(LineInterpolation.STEP_AFTER).fill_opacity(0)
    return dashed(dashed(panel, "most", RED), "fewest", ORANGE)


def versions(context: DashboardContext) -> timeseries.Panel:
    """Return the number of ready pods of each version."""
    return graph(
        "Ready pods by version",
        "Pods whose model is loaded, warm and not draining. During a rollout one version takes over from "
        "the other.",
        units.Short,
        [query(context.queries.ready(), "{{version}}")],
        stacked=True,
    ).decimals(0)


def cpu(context: DashboardContext) -> timeseries.Panel:
    """Return the CPU that each pod uses, and its limit."""
    kubernetes = context.kubernetes
    panel = graph(
        "CPU",
        "Cores that each pod uses, and may use.",
        units.Short,
        [query(kubernetes.cpu(RATE), "{{pod}}"), query(kubernetes.limit("cpu"), LIMIT)],
    )
    return dashed(panel, LIMIT, RED)


def throttling(context: DashboardContext) -> timeseries.Panel:
    """Return how often each pod waits because it has reached its CPU limit."""
    return graph(
        "CPU throttling",
        "Share of the scheduler's periods, 100 ms each, in which a pod had used up its CPU limit and waited. "
        "It is latency that no profile of the server shows.",
        units.PercentUnit,
        [query(context.kubernetes.throttled(RATE), "{{pod}}")],
    )


def memory(context: DashboardContext) -> timeseries.Panel:
    """Return the memory that each pod uses, and its limit."""
    kubernetes = context.kubernetes
    panel = graph(
        "Memory",
        "Memory that each pod holds on to. A pod that reaches its limit is killed.",
        units.BytesIEC,
        [query(kubernetes.memory(), "{{pod}}"), query(kubernetes.limit("memory"), LIMIT)],
    )
    return dashed(panel, LIMIT, RED)


def restarts(context: DashboardContext) -> timeseries.Panel:
    """Return the restarts of each pod."""
    return graph(
        "Restarts",
        "How often each pod's container was started again within ten minutes: killed for its memory, or "
        "for its liveness.",
        units.Short,
        [query(context.kubernetes.restarts(), "{{pod}}")],
    ).decimals(0)


def gpu_use(context: DashboardContext) -> timeseries.Panel:
    """Return how busy each GPU is."""
    return graph(
        "GPU use",
        "Share of the time in which a kernel ran on the GPU. Low with a long queue: the batches are too "
        "small, or the CPU does not keep up.",
        units.Percent,
        [query(context.kubernetes.gpu("DCGM_FI_DEV_GPU_UTIL"), "{{Hostname}} GPU {{gpu}}")],
    ).max(100)


def gpu_memory(context: DashboardContext) -> timeseries.Panel:
    """Return how much of each GPU's memory is in use."""
    # DCGM's framebuffer fields are in MiB.
    used = f"{context.kubernetes.gpu('DCGM_FI_DEV_FB_USED')} * 1048576"
    free = f"{context.kubernetes.gpu('DCGM_FI_DEV_FB_FREE')} * 1048576"
    return dashed(
        graph(
            "GPU memory",
            "Memory of the GPU in use, and there in all.",
            units.BytesIEC,
            [query(used, "{{Hostname}} GPU {{gpu}}"), query(f"max({used} + {free})", "in all")],
        ),
        "in all",
        RED,
    )


def gpu_power(context: DashboardContext) -> timeseries.Panel:
    """Return the power that each GPU draws."""
    return graph(
        "GPU power",
        "Power that each GPU draws: a truer measure of its load than the share of the time it is busy.",
        units.Watt,
        [query(context.kubernetes.gpu("DCGM_FI_DEV_POWER_USAGE"), "{{Hostname}} GPU {{gpu}}")],
    )
