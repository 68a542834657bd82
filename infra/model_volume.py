"""The volume with the model, where the server's image does not contain it."""

from collections.abc import Sequence
from typing import cast

from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    EnvVarArgs,
    ImageVolumeSourceArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from infra.server import MODEL_PATH, PREFIX
from infra.settings.model_source import ModelSource

VOLUME = "model"
VERSION = f"{PREFIX}MODEL_VERSION"
"""Variable with the version that the model must have: a volume may hold another one than the labels say."""


def mount_model(spec: PodSpecArgs, source: ModelSource, model: str, version: str) -> PodSpecArgs:
    """Mount the model into the server's container, unless the image contains it; return the specification.

    Args:
        spec: The pod's specification.
        source: Where the model comes from.
        model: Name of the model.
        version: Version that it must have.

    """
    if source.is_in_image:
        return spec
    claim = (
        PersistentVolumeClaimVolumeSourceArgs(claim_name=source.claim, read_only=True)
        if source.claim
        else None
    )
    image = ImageVolumeSourceArgs(reference=source.image) if source.image else None
    path = source.path or (f"{model}/{version}" if source.claim else None)
    server = cast(Sequence[ContainerArgs], spec.containers)[0]
    spec.volumes = [
        *cast(Sequence[VolumeArgs], spec.volumes or ()),
        VolumeArgs(name=VOLUME, persistent_volume_claim=claim, image=image),
    ]
    server.volume_mounts = [
        *cast(Sequence[VolumeMountArgs], server.volume_mounts or ()),
        VolumeMountArgs(name=VOLUME, mount_path=MODEL_PATH, sub_path=path, read_only=True),
    ]
    server.env = [*cast(Sequence[EnvVarArgs], server.env or ()), EnvVarArgs(name=VERSION, value=version)]
    return spec
