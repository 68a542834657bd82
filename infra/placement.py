"""Where pods run, and what they have beside the server: the group `slipway:pod` in a pod's specification."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    ContainerArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    ResourceRequirementsArgs,
    TopologySpreadConstraintArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import TypeAdapter

from infra.additions import container, environment, mount, sidecar, volume
from infra.settings.placement import Placement


def place(spec: PodSpecArgs, placement: Placement) -> PodSpecArgs:
    """Add a placement to a pod's specification, and return it.

    What the specification has already is kept: the architecture of the image, the taints and labels of GPU
    nodes, and volumes.
    """
    _schedule(spec, placement)
    _spread(spec, placement)
    _extend_server(cast(Sequence[ContainerArgs], spec.containers)[0], placement)
    if placement.volumes:
        spec.volumes = [*cast(Sequence[Any], spec.volumes or ()), *map(volume, placement.volumes)]
    if any(item.persistent_volume_claim and not item.read_only for item in placement.volumes):
        # The kubelet lets this group write to the volume.
        context = cast(PodSecurityContextArgs, spec.security_context)
        context.fs_group = context.run_as_group
    before = [*map(sidecar, placement.sidecars), *map(container, placement.init_containers)]
    spec.init_containers = before or None
    return spec


def pod_metadata(
    labels: Mapping[str, str], annotations: Mapping[str, str], placement: Placement
) -> ObjectMetaArgs:
    """Return the metadata of pods: their own labels and annotations, and those of the placement."""
    return ObjectMetaArgs(
        labels={**placement.labels, **labels},
        annotations={**placement.annotations, **annotations} or None,
    )


def _schedule(spec: PodSpecArgs, placement: Placement) -> None:
    if placement.node_selector:
        own = cast(Mapping[str, str], spec.node_selector or {})
        spec.node_selector = {**placement.node_selector, **own}
    if placement.tolerations:
        spec.tolerations = [
            *cast(Sequence[Any], spec.tolerations or ()),
            *map(_as_kubernetes, placement.tolerations),
        ]
    if placement.affinity:
        spec.affinity = _affinity(
            _as_kubernetes(placement.affinity), cast(AffinityArgs | None, spec.affinity)
        )
    spec.priority_class_name = placement.priority_class
    spec.runtime_class_name = placement.runtime_class


def _affinity(given: dict[str, Any], own: AffinityArgs | None) -> Any:  # noqa: ANN401 - an input of Pulumi's
    """Return an affinity that also requires what the pod's own one requires of a node."""
    if own is None:
        return given
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    node: dict[str, Any] = given.setdefault("nodeAffinity", {})
    terms: list[dict[str, Any]] = node.get(required, {}).get("nodeSelectorTerms", [{}])
    selector = cast(Any, own.node_affinity).required_during_scheduling_ignored_during_execution
    (own_term,) = selector.node_selector_terms
    # Terms are alternatives: each needs it.
    node[required] = {
        "nodeSelectorTerms": [
            {"matchExpressions": [*term.get("matchExpressions", ()), *own_term.match_expressions]}
            for term in terms
        ]
    }
    return given


def _spread(spec: PodSpecArgs, placement: Placement) -> None:
    if placement.topology_spread == "off":
        spec.topology_spread_constraints = None
    if placement.topology_spread == "required":
        for constraint in cast(
            Sequence[TopologySpreadConstraintArgs], spec.topology_spread_constraints or ()
        ):
            constraint.when_unsatisfiable = "DoNotSchedule"


def _extend_server(server: ContainerArgs, placement: Placement) -> None:
    variables = environment(placement.environment, placement.environment_from_secrets)
    server.env = [*cast(Sequence[Any], server.env or ()), *variables] or None
    mounts = [
        mount(item.name, item.mount_path, item.sub_path, item.read_only)
        for item in placement.volumes
        if item.mount_path
    ]
    if mounts:
        server.volume_mounts = [*cast(Sequence[VolumeMountArgs], server.volume_mounts or ()), *mounts]
    resources = cast(ResourceRequirementsArgs, server.resources)
    for part, amount in (
        ("requests", placement.ephemeral_storage_request),
        ("limits", placement.ephemeral_storage_limit),
    ):
        if amount:
            setattr(resources, part, {**getattr(resources, part), "ephemeral-storage": amount})


def _as_kubernetes(value: Any) -> Any:  # noqa: ANN401 - a class of settings
    """Return a value whose class has the keys of Kubernetes, without what is not set."""
    return TypeAdapter(cast(Any, type(value))).dump_python(
        value, mode="json", by_alias=True, exclude_defaults=True
    )
