"""Volumes, containers and environment variables that settings add to a pod."""

from collections.abc import Mapping
from typing import Any, cast

from pulumi_kubernetes.core.v1 import (
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    ImageVolumeSourceArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    ResourceRequirementsArgs,
    SecretKeySelectorArgs,
    SecretVolumeSourceArgs,
    VolumeArgs,
    VolumeMountArgs,
)

from infra.settings.containers import Container, Sidecar
from infra.settings.environment import SecretEntry
from infra.settings.volumes import Volume


def environment(plain: Mapping[str, str], secret: Mapping[str, SecretEntry]) -> list[EnvVarArgs]:
    """Return environment variables of a container."""
    variables = [EnvVarArgs(name=name, value=value) for name, value in plain.items()]
    variables += [
        EnvVarArgs(
            name=name,
            value_from=EnvVarSourceArgs(secret_key_ref=SecretKeySelectorArgs(name=entry.name, key=entry.key)),
        )
        for name, entry in secret.items()
    ]
    return variables


def mount(name: str, path: str, sub_path: str | None, read_only: bool) -> VolumeMountArgs:
    """Return where a container sees a volume."""
    return VolumeMountArgs(name=name, mount_path=path, sub_path=sub_path, read_only=read_only)


def volume(given: Volume) -> VolumeArgs:
    """Return a volume of a pod."""
    claim, empty = given.persistent_volume_claim, given.empty_dir
    return VolumeArgs(
        name=given.name,
        config_map=ConfigMapVolumeSourceArgs(name=given.config_map) if given.config_map else None,
        secret=SecretVolumeSourceArgs(secret_name=given.secret) if given.secret else None,
        persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=claim) if claim else None,
        image=ImageVolumeSourceArgs(reference=given.image) if given.image else None,
        empty_dir=EmptyDirVolumeSourceArgs(size_limit=empty.size_limit, medium=empty.medium or None)
        if empty
        else None,
        # Handed on as they are.
        csi=cast(Any, given.csi),
        projected=cast(Any, given.projected),
    )


def container(given: Container) -> ContainerArgs:
    """Return a container beside the server, as restricted as the server unless its settings say otherwise."""
    context: Any = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        **given.security_context,
    }
    return ContainerArgs(
        name=given.name,
        image=given.image,
        command=[*given.command] or None,
        args=[*given.args] or None,
        env=environment(given.environment, given.environment_from_secrets) or None,
        ports=[ContainerPortArgs(container_port=port) for port in given.ports] or None,
        volume_mounts=[
            mount(item.name, item.mount_path, item.sub_path, item.read_only) for item in given.volume_mounts
        ]
        or None,
        resources=ResourceRequirementsArgs(
            requests=dict(given.resources.requests), limits=dict(given.resources.limits) or None
        ),
        security_context=context,
    )


def sidecar(given: Sidecar) -> ContainerArgs:
    """Return a container that starts before the server and stops after it.

    It is a container among those for the initialization that is always restarted:
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers
    """
    result = container(given)
    result.restart_policy = "Always"
    result.startup_probe = cast(Any, given.startup_probe)
    result.readiness_probe = cast(Any, given.readiness_probe)
    result.liveness_probe = cast(Any, given.liveness_probe)
    return result
