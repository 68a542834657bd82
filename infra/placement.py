"""Where pods run, and what they have beside the server: the group `slipway:pod` in a pod's specification."""

from collections.abc import Mapping, Sequence
from typing import cast

from pulumi_kubernetes.core.v1 import PodSpecArgs, TolerationArgs

from infra.settings.placement import Placement


def place(spec: PodSpecArgs, placement: Placement) -> PodSpecArgs:
    """Add a placement to a pod's specification, and return it.

    What the specification has already is kept: the architecture of the image, and the taints of GPU nodes.
    """
    if placement.node_selector:
        own = cast(Mapping[str, str], spec.node_selector or {})
        spec.node_selector = {**placement.node_selector, **own}
    if placement.tolerations:
        tolerations = [
            TolerationArgs(
                key=toleration.key,
                operator=toleration.operator,
                value=toleration.value,
                effect=toleration.effect,
                toleration_seconds=toleration.toleration_seconds,
            )
            for toleration in placement.tolerations
        ]
        spec.tolerations = [*cast(Sequence[TolerationArgs], spec.tolerations or ()), *tolerations]
    if placement.priority_class:
        spec.priority_class_name = placement.priority_class
    return spec
