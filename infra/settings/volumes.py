"""Additional volumes of a pod."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import CONFIG, DnsLabel, DnsSubdomain, Quantity, invalid

OWN_FOLDERS = ("/model", "/srv", "/etc/slipway")
"""Folders of the image, and of volumes that other settings declare."""

SOURCES = ("configMap", "secret", "persistentVolumeClaim", "image", "emptyDir", "csi", "projected")


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in PurePosixPath(path).parts or ":" in path:
        raise invalid("an absolute path")
    return path


def beside_the_server(path: str) -> str:
    """Refuse a folder of the server, or one that would hide it."""
    given = PurePosixPath(path)
    for own in map(PurePosixPath, OWN_FOLDERS):
        if given == own or own in given.parents or given in own.parents:
            raise invalid(f"a folder that neither is, holds nor is in {own}, which the server needs")
    return path


AbsolutePath = Annotated[str, AfterValidator(_absolute)]


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Mount:
    """Where a container sees a volume."""

    name: DnsLabel
    """Name of a volume in `pod.volumes`."""

    mount_path: AbsolutePath
    """Path of the folder."""

    sub_path: str | None = None
    """Path within the volume. Empty, it is the whole volume."""

    read_only: bool = True
    """Whether the container may only read it."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class EmptyDir:
    """A folder that lives as long as its pod."""

    size_limit: Quantity
    """How much it may hold. A pod that writes more is removed from its node."""

    medium: Literal["", "Memory"] = ""
    """Memory keeps it in memory, which counts for the memory limit. Empty, it is on the node's disk."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Volume:
    """A volume, and where the server sees it."""

    name: DnsLabel
    """Name of the volume."""

    mount_path: Annotated[AbsolutePath, AfterValidator(beside_the_server)] | None = None
    """Folder where the server sees it. Empty, only other containers do."""

    sub_path: str | None = None
    """Path within the volume that the server sees. Empty, it is the whole volume."""

    read_only: bool = True
    """Whether the server may only read it."""

    config_map: DnsSubdomain | None = None
    """Name of an existing ConfigMap."""

    secret: DnsSubdomain | None = None
    """Name of an existing Secret."""

    persistent_volume_claim: DnsSubdomain | None = None
    """Name of an existing PersistentVolumeClaim."""

    image: str | None = None
    """An OCI image or artifact whose files it holds. It needs Kubernetes 1.35, or the feature gate
    ImageVolume."""

    empty_dir: EmptyDir | None = None
    """A folder that lives as long as its pod."""

    csi: Mapping[str, Any] | None = None
    """A volume of a CSI driver, as Kubernetes has it, such as that of the Secrets Store."""

    projected: Mapping[str, Any] | None = None
    """Several sources in one folder, as Kubernetes has it."""

    @model_validator(mode="after")
    def _has_one_source(self) -> "Volume":
        sources = (
            self.config_map,
            self.secret,
            self.persistent_volume_claim,
            self.image,
            self.empty_dir,
            self.csi,
            self.projected,
        )
        if sum(source is not None for source in sources) != 1:
            raise invalid(f"one of {', '.join(SOURCES)}")
        return self

    @model_validator(mode="after")
    def _is_mounted_where_it_has_a_sub_path(self) -> "Volume":
        if self.sub_path and self.mount_path is None:
            raise invalid("empty, unless mountPath is set", "subPath")
        return self
