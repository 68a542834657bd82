"""Settings of the cluster and of its GPU nodes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pulumi
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.clouds import CLOUDS
from infra.settings.values import (
    CONFIG,
    DnsLabel,
    OptionalPath,
    OptionalText,
    either,
    invalid,
    is_of_kubernetes,
    listed,
)

CLUSTERS = ("local", "kubeconfig", *CLOUDS)
"""Values of `cluster`: the local cluster, any cluster by kubeconfig, or a cluster of a cloud."""

GPU_CLUSTERS = ("kubeconfig", *(name for name, cloud in CLOUDS.items() if cloud.gpu))


def _known_cluster(value: str) -> str:
    if value not in CLUSTERS:
        raise invalid(either(CLUSTERS))
    return value


def _namespace(given: str) -> str:
    return given or f"{pulumi.get_project()}-{pulumi.get_stack()}"


def is_created(info: ValidationInfo, *clouds: str) -> bool:
    """Return whether the cluster is created here, in one of some clouds, or in any."""
    return info.data.get("cluster") in (clouds or CLOUDS) and info.data.get("cluster_name", "?") is None


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class ClusterSettings:
    """Where to deploy, and on which kind of node."""

    cluster: Annotated[str, AfterValidator(_known_cluster)]
    cluster_name: OptionalText
    cluster_stack: OptionalText
    kubeconfig: OptionalPath
    kube_context: OptionalText
    namespace: Annotated[DnsLabel, BeforeValidator(_namespace)]
    create_namespace: bool
    device: Literal["cpu", "gpu"]
    gpu_machine_type: OptionalText
    gpu_accelerator: OptionalText
    gpu_zones: Annotated[Sequence[DnsLabel], BeforeValidator(listed)]
    gpu_min_nodes: Annotated[int, Field(ge=0)]
    gpu_max_nodes: Annotated[int, Field(ge=1)]
    gpu_spot: bool

    @property
    def cloud(self) -> str | None:
        """The cloud whose API is called, a key of `infra.clouds.CLOUDS`. None for other clusters."""
        return self.cluster if self.cluster in CLOUDS else None

    @field_validator("cluster_name")
    @classmethod
    def _names_a_cluster_of_a_cloud(cls, value: str | None, info: ValidationInfo) -> str | None:
        cluster = info.data.get("cluster")
        if value is None or cluster is None:
            return value
        if cluster not in CLOUDS:
            raise invalid(f"empty, unless cluster is {either(CLOUDS)}")
        if not CLOUDS[cluster].accepts_cluster_name(value):
            raise invalid(f"{CLOUDS[cluster].cluster_name_form}, for cluster is {cluster}")
        return value

    @field_validator("cluster_stack")
    @classmethod
    def _names_another_program(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("cluster") == "local":
            raise invalid("empty, for cluster is local")
        if value and is_created(info):
            raise invalid("empty, or with clusterName: a cluster that is created here is in no other stack")
        return value

    @field_validator("kubeconfig", "kube_context")
    @classmethod
    def _reaches_an_existing_cluster(
        cls, value: Path | str | None, info: ValidationInfo
    ) -> Path | str | None:
        if value and (info.data.get("cluster_stack") or is_created(info)):
            raise invalid("empty, for the kubeconfig is that of clusterStack or of the cluster created here")
        return value

    @field_validator("namespace")
    @classmethod
    def _is_not_the_systems(cls, value: str) -> str:
        if is_of_kubernetes(value):
            raise invalid("another namespace than default and kube-*, which belong to the cluster itself")
        return value

    @field_validator("create_namespace")
    @classmethod
    def _is_created_on_the_local_cluster(cls, value: bool, info: ValidationInfo) -> bool:
        if not value and info.data.get("cluster") == "local":
            raise invalid("true, for cluster is local: its stacks are found by their namespaces")
        return value

    @field_validator("device")
    @classmethod
    def _has_nodes(cls, value: str, info: ValidationInfo) -> str:
        if value == "gpu" and info.data.get("cluster", "kubeconfig") not in GPU_CLUSTERS:
            raise invalid(f"cpu, for cluster is {info.data['cluster']}")
        return value

    @field_validator("gpu_accelerator")
    @classmethod
    def _fits_the_machine_type(cls, value: str | None, info: ValidationInfo) -> str | None:
        cloud = CLOUDS.get(info.data.get("cluster", ""))
        gpu = cloud.gpu if cloud and info.data.get("device") == "gpu" else None
        machine_type = info.data.get("gpu_machine_type", "") or (gpu.default_machine_type if gpu else None)
        if gpu is None or gpu.accelerators is None or machine_type is None:
            return value
        own = gpu.accelerators.get(machine_type)
        if own is None and value is None:
            raise invalid(f"the name of a GPU, for {machine_type} has none by itself")
        if own and value not in (None, own):
            raise invalid(f"{own} or empty, for {machine_type} has it: others need an n1 type")
        return value

    @field_validator("gpu_zones")
    @classmethod
    def _are_of_nodes_with_zones(cls, value: Sequence[str], info: ValidationInfo) -> Sequence[str]:
        if not value or not {"cluster", "device"} <= info.data.keys():
            return value
        cloud = CLOUDS.get(info.data["cluster"])
        if info.data["device"] != "gpu" or not (cloud and cloud.gpu and cloud.gpu.takes_zones):
            names = [name for name, cloud in CLOUDS.items() if cloud.gpu and cloud.gpu.takes_zones]
            raise invalid(f"empty, unless device is gpu and cluster is {either(names)}")
        return value

    @field_validator("gpu_machine_type", "gpu_accelerator")
    @classmethod
    def _describes_created_nodes(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or not {"cluster", "device"} <= info.data.keys():
            return value
        cloud = CLOUDS.get(info.data["cluster"])
        if info.data["device"] != "gpu" or cloud is None:
            raise invalid("empty, unless device is gpu and cluster is a cloud's")
        if info.field_name == "gpu_accelerator" and not (cloud.gpu and cloud.gpu.accelerators):
            names = [name for name, cloud in CLOUDS.items() if cloud.gpu and cloud.gpu.accelerators]
            raise invalid(
                f"empty, unless cluster is {either(names)}: elsewhere gpuMachineType brings its GPU"
            )
        return value

    @field_validator("gpu_max_nodes")
    @classmethod
    def _not_below_gpu_min_nodes(cls, value: int, info: ValidationInfo) -> int:
        if value < (minimum := info.data.get("gpu_min_nodes", value)):
            raise invalid(f"at least gpuMinNodes, {minimum}")
        return value
