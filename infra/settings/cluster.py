"""Settings of the cluster, and of the nodes that carry GPUs."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import GROUP, DnsLabel, OptionalPath, OptionalText, wrong

CLOUDS = ("gke", "eks", "aks")
"""Clusters whose cloud is spoken to: to make them, or a pool of nodes in them."""


@dataclass(frozen=True, kw_only=True, config=GROUP)
class ClusterSettings:
    """Where to deploy, and on which kind of node."""

    cluster: Literal["local", "kubeconfig", "gke", "eks", "aks"]
    cluster_name: OptionalText
    cluster_stack: OptionalText
    kubeconfig: OptionalPath
    kube_context: OptionalText
    namespace: DnsLabel
    device: Literal["cpu", "gpu"]
    gpu_machine_type: OptionalText
    gpu_accelerator: OptionalText
    gpu_min_nodes: Annotated[int, Field(ge=0)]
    gpu_max_nodes: Annotated[int, Field(ge=1)]
    gpu_spot: bool

    @property
    def cloud(self) -> Literal["gke", "eks", "aks"] | None:
        """The cloud that is spoken to, if any is."""
        return None if self.cluster in ("local", "kubeconfig") else self.cluster

    @field_validator("cluster_name")
    @classmethod
    def _of_a_cloud(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("cluster", CLOUDS[0]) not in CLOUDS:
            raise wrong(f"empty, unless cluster is {', '.join(CLOUDS[:-1])} or {CLOUDS[-1]}")
        if value and info.data.get("cluster") == "aks" and not re.fullmatch("[^/]+/[^/]+", value):
            raise wrong("RESOURCE_GROUP/NAME, for cluster is aks")
        return value

    @field_validator("cluster_stack")
    @classmethod
    def _of_another_program(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("cluster", "kubeconfig") == "local":
            raise wrong("empty, for cluster is local")
        if value and _made_here(info):
            raise wrong("empty, or with clusterName: a cluster that is made here is in no other stack")
        return value

    @field_validator("kubeconfig", "kube_context")
    @classmethod
    def _of_a_cluster_that_is_there(cls, value: Path | str | None, info: ValidationInfo) -> Path | str | None:
        if value and (info.data.get("cluster_stack") or _made_here(info)):
            raise wrong("empty, for the kubeconfig is the one of clusterStack or of the cluster made here")
        return value

    @field_validator("device")
    @classmethod
    def _where_gpus_can_be(cls, value: str, info: ValidationInfo) -> str:
        if value == "gpu" and info.data.get("cluster") == "local":
            raise wrong("cpu, for cluster is local")
        return value

    @field_validator("gpu_machine_type", "gpu_accelerator")
    @classmethod
    def _of_a_pool(cls, value: str | None, info: ValidationInfo) -> str | None:
        cluster, device = info.data.get("cluster", "gke"), info.data.get("device", "gpu")
        if value and (device != "gpu" or cluster not in CLOUDS):
            raise wrong("empty, unless device is gpu and cluster is a cloud's")
        if value and info.field_name == "gpu_accelerator" and cluster != "gke":
            raise wrong("empty, unless cluster is gke: elsewhere gpuMachineType brings its GPU")
        return value

    @field_validator("gpu_max_nodes")
    @classmethod
    def _not_below_gpu_min_nodes(cls, value: int, info: ValidationInfo) -> int:
        if value < (least := info.data.get("gpu_min_nodes", value)):
            raise wrong(f"at least gpuMinNodes, {least}")
        return value


def _made_here(info: ValidationInfo) -> bool:
    return info.data.get("cluster") in CLOUDS and info.data.get("cluster_name", "?") is None
