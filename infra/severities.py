"""How soon somebody must act on an alert."""

from collections.abc import Mapping
from typing import Literal

Severity = Literal["page", "ticket"]
"""A page wakes a person, a ticket waits for working hours."""

Severities = Mapping[Severity, str]
"""The value of the label `severity` of the alerts of each severity."""

SEVERITIES: Severities = {"page": "page", "ticket": "ticket"}
"""The values unless others are set."""
