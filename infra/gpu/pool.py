"""What a pool of nodes with GPUs is to be, in whichever cloud."""

from dataclasses import dataclass

from infra.gpu.nodes import taints
from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class GpuNodePoolArgs:
    """How many nodes, of which kind, and what is on them for the pods."""

    machine_type: str | None
    """None is the cloud's smallest with a current GPU for inference."""

    accelerator: str | None
    """Of GKE alone: elsewhere the machine type says it."""

    min_nodes: int
    max_nodes: int
    is_spot: bool
    taints: list[tuple[str, str, str]]
    is_monitored: bool
    """Whether there is a Prometheus for the GPUs' metrics, which asks what a ServiceMonitor names."""

    monitoring_namespace: str

    @classmethod
    def of(cls, settings: Settings) -> "GpuNodePoolArgs":
        """Take from the settings what concerns nodes with GPUs."""
        return cls(
            machine_type=settings.gpu_machine_type,
            accelerator=settings.gpu_accelerator,
            min_nodes=settings.gpu_min_nodes,
            max_nodes=settings.gpu_max_nodes,
            is_spot=settings.gpu_spot,
            taints=taints(settings),
            is_monitored=settings.monitoring != "none",
            monitoring_namespace=settings.monitoring_namespace,
        )
