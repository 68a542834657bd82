"""The affinity of pods, as Kubernetes has it.

https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#affinity-and-anti-affinity
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from infra.settings.values import CONFIG, DnsLabel, LabelKey, LabelValue, ScalarText, invalid

Weight = Annotated[int, Field(ge=1, le=100)]


def _check_values(operator: str, values: tuple[str, ...]) -> None:
    if values and "Exist" in operator:
        raise invalid(f"empty, for operator is {operator}", "values")
    if not values and "Exist" not in operator:
        raise invalid(f"must be set, for operator is {operator}", "values")


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class NodeRequirement:
    """A label of a node."""

    key: LabelKey
    """Key of the label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How the label is compared with the values."""

    values: tuple[ScalarText, ...] = ()
    """Values, unless the operator is Exists or DoesNotExist."""

    @model_validator(mode="after")
    def _values_fit_the_operator(self) -> "NodeRequirement":
        _check_values(self.operator, self.values)
        return self


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class NodeTerm:
    """Labels that a node must all have."""

    match_expressions: Annotated[tuple[NodeRequirement, ...], Field(min_length=1)]
    """Labels that a node must all have."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class NodeTerms:
    """Alternatives, of which a node must meet one."""

    node_selector_terms: Annotated[tuple[NodeTerm, ...], Field(min_length=1)]
    """Alternatives, of which a node must meet one."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PreferredNode:
    """Labels that a node should have."""

    weight: Weight
    """How much it counts."""

    preference: NodeTerm
    """Labels that a node should have."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class NodeAffinity:
    """On which nodes pods run."""

    required_during_scheduling_ignored_during_execution: NodeTerms | None = None
    """What a node must have."""

    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNode, ...] = ()
    """What a node should have."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PodRequirement:
    """A label of other pods."""

    key: LabelKey
    """Key of the label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with the values."""

    values: tuple[LabelValue, ...] = ()
    """Values, unless the operator is Exists or DoesNotExist."""

    @model_validator(mode="after")
    def _values_fit_the_operator(self) -> "PodRequirement":
        _check_values(self.operator, self.values)
        return self


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PodSelector:
    """Which other pods are meant."""

    match_labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    """Labels that these pods have."""

    match_expressions: tuple[PodRequirement, ...] = ()
    """Other conditions on their labels."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PodTerm:
    """Other pods, near which pods run or do not run."""

    label_selector: PodSelector
    """Which other pods are meant."""

    topology_key: LabelKey
    """Label of nodes. Nodes with the same value of it are near each other."""

    namespaces: tuple[DnsLabel, ...] = ()
    """Namespaces of these pods. Empty, it is the namespace of the stack."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PreferredPod:
    """Other pods, near which pods should run or not run."""

    weight: Weight
    """How much it counts."""

    pod_affinity_term: PodTerm
    """Which other pods are meant, and what is near."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class PodAffinity:
    """Near which other pods pods run, or do not run."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] = ()
    """What must hold."""

    preferred_during_scheduling_ignored_during_execution: tuple[PreferredPod, ...] = ()
    """What should hold."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Affinity:
    """On which nodes, and near which other pods, pods run."""

    node_affinity: NodeAffinity | None = None
    """On which nodes pods run."""

    pod_affinity: PodAffinity | None = None
    """Near which other pods pods run."""

    pod_anti_affinity: PodAffinity | None = None
    """Near which other pods pods do not run."""
