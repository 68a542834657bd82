"""Annotations: vertical lines through the panels where something changed."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery

from infra.dashboards.context import DashboardContext
from infra.dashboards.panels import DATA_SOURCE


class _Annotation(AnnotationQuery, Builder[AnnotationQuery]):
    """An annotation from Prometheus, with the options that the SDK lacks.

    https://github.com/grafana/grafana/blob/v11.6.0/packages/grafana-prometheus/src/annotations.ts

    """

    def __init__(
        self, name: str, color: str, expression: str, title: str, *, value_is_time: bool = False
    ) -> None:
        super().__init__(name=name, datasource=DATA_SOURCE, icon_color=color, expr=expression)
        self._title = title
        self._value_is_time = value_is_time

    def build(self) -> AnnotationQuery:
        return self

    def to_json(self) -> dict[str, object]:
        value_for_time = {"useValueForTime": "on"} if self._value_is_time else {}
        return {**super().to_json(), "titleFormat": self._title, "step": "15s", **value_for_time}


def rollouts(context: DashboardContext) -> Builder[AnnotationQuery]:
    """Return the starts of rollouts: of a new version, image or setting."""
    return _Annotation(
        "Rollouts", "blue", context.kubernetes.rollouts(), "Rollout {{replicaset}}", value_is_time=True
    )


def versions(context: DashboardContext) -> Builder[AnnotationQuery]:
    """Return the times at which a version gets its first pod that had none in the ten minutes before."""
    served = context.queries.versions()
    return _Annotation(
        "Versions",
        "purple",
        f"{served} unless last_over_time(({served})[10m:15s] offset 1m)",
        "First pod of version {{version}}",
    )
