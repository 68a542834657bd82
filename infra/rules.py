"""What Prometheus rules of a service are made from, and how they are written."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from infra.kubernetes_queries import KubernetesQueries
from infra.objectives import ObjectivesArgs
from infra.queries import Queries
from infra.severities import SEVERITIES, Severities

Rule = dict[str, Any]
Group = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RulesArgs:
    """The service that the rules watch, and what its alerts say."""

    objectives: ObjectivesArgs
    queries: Queries
    model: str
    """Name of the model, which is also its Deployment's."""

    runbooks: str
    """URL of the pages in `docs/runbooks`. Each alert links to its own page below it."""

    can_scale_to_zero: bool
    """Whether a service without pods may be intended."""

    severities: Severities = field(default_factory=lambda: SEVERITIES)
    certificate: str | None = None
    """Name of the Certificate that cert-manager keeps for the service's address. None if there is none."""

    @property
    def subject(self) -> str:
        """The service, as the summary of an alert names it."""
        return f"{self.model} in {self.queries.namespace}"

    @property
    def where(self) -> dict[str, str]:
        """Labels of the service's series, which its alerts have too."""
        return self.queries.labels

    @property
    def kubernetes(self) -> KubernetesQueries:
        """PromQL about the service's Deployment."""
        return KubernetesQueries(namespace=self.queries.namespace, deployment=self.model)


def duration(span: timedelta) -> str:
    """Return a duration as Prometheus writes it, in the largest unit that gives a whole number."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if span.total_seconds() % length == 0:
            return f"{span.total_seconds() / length:.0f}{unit}"
    return f"{span.total_seconds():.0f}s"
