"""The memory that a pod was measured to take, beside the memory that it is guaranteed."""

from collections.abc import Mapping

from infra.settings.values import mebibytes

PEAKS: Mapping[str, int] = {"onnx": 400, "torchscript": 627, "savedmodel": 615}
"""MiB that a pod took at its peak with EfficientNet-Lite0, by runtime. How they were measured is in
docs/limits.md and docs/runtimes.md."""


def memory_advice(runtime: str, request: str) -> str | None:
    """Return what to say of a memory request; None if it is above the measured peak, or nothing was measured.

    Args:
        runtime: The runtime of the pod.
        request: Memory that the pod is guaranteed, as a Kubernetes quantity.

    """
    peak = PEAKS.get(runtime, 0)
    if mebibytes(request) >= peak:
        return None
    return (
        f"memoryRequest is {request}, but a pod with EfficientNet-Lite0 on {runtime} took {peak} MiB at its "
        "peak: when a node runs out of memory, pods that take more than their request are evicted first"
    )
