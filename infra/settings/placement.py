"""The group `slipway:pod`: where pods run, and what they have beside the server."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from infra.labels import ARCHITECTURE
from infra.settings.values import CONFIG, DnsSubdomain, LabelKey, LabelValue, invalid


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

    @field_validator("operator")
    @classmethod
    def _has_a_key(cls, value: str, info: ValidationInfo) -> str:
        if value == "Equal" and info.data.get("key", "") is None:
            raise invalid("Exists, unless key is set")
        return value

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
    """Where pods run."""

    node_selector: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    """Labels that a node must have."""

    tolerations: tuple[Toleration, ...] = ()
    """Taints that pods tolerate, beside those of GPU nodes."""

    priority_class: DnsSubdomain | None = None
    """Name of an existing PriorityClass."""

    @field_validator("node_selector")
    @classmethod
    def _leaves_the_architecture(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if ARCHITECTURE in value:
            raise invalid(f"labels without {ARCHITECTURE}, which the setting platform decides", ARCHITECTURE)
        return value
