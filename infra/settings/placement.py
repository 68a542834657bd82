"""The group `slipway:pod`: where pods run, and what they have beside the server."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.dataclasses import dataclass

from infra.labels import ARCHITECTURE
from infra.settings.affinity import Affinity
from infra.settings.containers import Container, Sidecar
from infra.settings.environment import PlainVariables, SecretEntry, SecretVariables, not_of_the_server
from infra.settings.values import (
    CONFIG,
    KUBERNETES,
    DnsSubdomain,
    LabelKey,
    LabelValue,
    Quantity,
    ScalarText,
    either,
    invalid,
    mebibytes,
)
from infra.settings.volumes import Volume

RECOMMENDED = "app.kubernetes.io/"
"""Prefix of the recommended labels: see `infra.labels`."""

OWN_VOLUMES = ("model", "access")
"""Names of the volumes that other settings declare."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Toleration:
    """A taint that pods tolerate.

    https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration
    """

    key: LabelKey | None = None
    """Key of the taint. Empty with the operator Exists, every taint is tolerated."""

    operator: Literal["Equal", "Exists"] = "Equal"
    """Whether the value of the taint must be `value`, or may be any."""

    value: LabelValue | None = None
    """Value of the taint, with the operator Equal."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Empty, it may be any."""

    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """Seconds that a pod stays on a node that gets the taint, with the effect NoExecute. Empty, it stays."""

    @model_validator(mode="after")
    def _has_a_key(self) -> "Toleration":
        if self.key is None and self.operator == "Equal":
            raise invalid("must be set, unless operator is Exists", "key")
        return self

    @field_validator("value")
    @classmethod
    def _belongs_to_equal(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("operator") == "Exists":
            raise invalid("empty, for operator is Exists")
        return value

    @field_validator("toleration_seconds")
    @classmethod
    def _belongs_to_no_execute(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("effect", "NoExecute") != "NoExecute":
            raise invalid("empty, unless effect is NoExecute")
        return value


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Placement:
    """Where pods run, and what they have beside the server."""

    node_selector: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    """Labels that a node must have."""

    tolerations: tuple[Toleration, ...] = ()
    """Taints that pods tolerate, beside those of GPU nodes."""

    affinity: Annotated[Affinity | None, KUBERNETES] = None
    """On which nodes, and near which other pods, pods run, as Kubernetes has it. GPU nodes are required in
    addition."""

    topology_spread: Literal["preferred", "required", "off"] = "preferred"
    """Whether pods spread over zones and nodes. With required, a pod waits rather than being one too many in
    its zone or on its node."""

    priority_class: DnsSubdomain | None = None
    """Name of an existing PriorityClass."""

    runtime_class: DnsSubdomain | None = None
    """Name of an existing RuntimeClass."""

    labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    """Labels of pods beside the recommended ones."""

    annotations: Mapping[LabelKey, ScalarText] = field(default_factory=dict[str, str])
    """Annotations of pods."""

    environment: Annotated[PlainVariables, AfterValidator(not_of_the_server)] = field(
        default_factory=dict[str, str]
    )
    """Environment variables of the server, in plain text."""

    environment_from_secrets: Annotated[SecretVariables, AfterValidator(not_of_the_server)] = field(
        default_factory=dict[str, SecretEntry]
    )
    """Environment variables of the server from existing Secrets."""

    volumes: tuple[Volume, ...] = ()
    """Volumes, and where the server sees them."""

    init_containers: tuple[Container, ...] = ()
    """Containers that run, one after the other, before the server starts."""

    sidecars: tuple[Sidecar, ...] = ()
    """Containers that start before all others, and stop after the server. They need Kubernetes 1.29."""

    ephemeral_storage_request: Quantity | None = None
    """Disk of the node that the server is guaranteed, for its log and its writable folders."""

    ephemeral_storage_limit: Quantity | None = None
    """Disk of the node that the server may use at most. A pod that uses more is removed from its node."""

    @field_validator("node_selector")
    @classmethod
    def _leaves_the_architecture(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if ARCHITECTURE in value:
            raise invalid(f"labels without {ARCHITECTURE}, which the setting platform decides", ARCHITECTURE)
        return value

    @field_validator("labels")
    @classmethod
    def _leaves_the_recommended_labels(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for key in value:
            if key.startswith(RECOMMENDED):
                raise invalid(f"labels without {RECOMMENDED}, by which Slipway finds its own pods", key)
        return value

    @field_validator("volumes")
    @classmethod
    def _differ(cls, value: tuple[Volume, ...]) -> tuple[Volume, ...]:
        for index, volume in enumerate(value):
            before = value[:index]
            if volume.name in (*OWN_VOLUMES, *(other.name for other in before)):
                raise invalid("a name that no other volume has", index, "name")
            if volume.mount_path and volume.mount_path in [other.mount_path for other in before]:
                raise invalid("a folder that no other volume has", index, "mountPath")
        return value

    @field_validator("init_containers", "sidecars")
    @classmethod
    def _see_volumes(cls, value: tuple[Container, ...], info: ValidationInfo) -> tuple[Container, ...]:
        if "volumes" not in info.data:
            return value
        names = [volume.name for volume in info.data["volumes"]]
        others = [container.name for container in info.data.get("init_containers", ())]
        for index, container in enumerate(value):
            if container.name in (*others, *(before.name for before in value[:index])):
                raise invalid("a name that no other container has", index, "name")
            for position, mount in enumerate(container.volume_mounts):
                if mount.name not in names:
                    there = either(names) if names else "a volume in pod.volumes, which is empty"
                    raise invalid(there, index, "volumeMounts", position, "name")
        return value

    @field_validator("ephemeral_storage_limit")
    @classmethod
    def _not_below_the_request(cls, value: str | None, info: ValidationInfo) -> str | None:
        request = info.data.get("ephemeral_storage_request")
        if value and request and mebibytes(value) < mebibytes(request):
            raise invalid(f"at least ephemeralStorageRequest, {request}")
        return value
