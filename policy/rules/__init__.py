"""The rules. They are functions over plain dictionaries, and know neither the engine nor a cluster."""

import re
from collections.abc import Sequence

from .deletion import deletion_protection
from .disruptions import disruption_budget
from .doors import no_open_door
from .pods import image_by_digest, no_plain_secret, non_root, probes, requests_and_limits
from .rule import Rule, StackRule

RULES: Sequence[Rule] = (
    Rule(
        name="image-by-digest",
        description="Images are named by their digest, not by a tag that may be moved.",
        check=image_by_digest,
    ),
    Rule(
        name="requests-and-limits",
        description="Containers have requests and limits of CPU and memory.",
        check=requests_and_limits,
    ),
    Rule(
        name="probes",
        description="Containers that run on have a liveness and a readiness probe.",
        check=probes,
    ),
    Rule(name="non-root", description="Containers run neither as root nor privileged.", check=non_root),
    Rule(
        name="no-plain-secret",
        description="No secret is in plain text in the environment of a container.",
        check=no_plain_secret,
    ),
    Rule(
        name="deletion-protection",
        description="Clusters and registries are protected from deletion.",
        check=deletion_protection,
    ),
)
"""The rules that are judged by each resource alone."""

STACK_RULES: Sequence[StackRule] = (
    StackRule(
        name="disruption-budget",
        description="Workloads that may have several pods have a PodDisruptionBudget.",
        broken=disruption_budget,
    ),
    StackRule(
        name="no-open-door",
        description="What everyone can reach asks for API keys and has TLS.",
        broken=no_open_door,
    ),
)
"""The rules that are judged by the resources of a stack together."""

PRODUCTION = re.compile(r"(.*-)?prod(uction)?(-.*)?")


def is_production(stack: str) -> bool:
    """Return whether a stack is in production, by its name: `prod`, `production`, `prod-eu`, `acme-prod`."""
    return PRODUCTION.fullmatch(stack) is not None
